import { Announcer } from "office-server/db/wakeups.ts";
import { describe, expect, test } from "vitest";
import { setup, sql } from "../../../../../test/support/scheduler.ts";
import { endsAtOnce } from "../../../../../test/support/scriptedRuntime.ts";
import { problemsOf } from "../../../../../test/support/soundness.ts";

// No loop here has a tick: whatever happens, happens because something woke it.

describe("a worker starts a job", () => {
  test("that was there before it", async () => {
    const { createOffice, startWorker } = await setup();
    const office = await createOffice();
    await office.submit({ a: {} });
    const { runtime } = await startWorker();
    await expect(runtime.started("a")).resolves.toMatchObject({ request: { jobId: office.idOf("a"), attempt: 1 } });
  });

  test("as soon as it is told of it", async () => {
    const { createOffice, startWorker } = await setup();
    const office = await createOffice();
    const { loop, runtime } = await startWorker();
    await office.submit({ a: {} });
    loop.wake(office.id);
    await expect(runtime.started("a")).resolves.toBeDefined();
  });

  test("that another process submitted and announced", async () => {
    const { createOffice, startWorker, connect } = await setup();
    const office = await createOffice();
    const { runtime } = await startWorker();
    await office.submit({ a: {} });
    const announcer = new Announcer(connect(1), "somebody else");
    announcer.announce([office.id]);
    await expect(runtime.started("a")).resolves.toBeDefined();
    await announcer.stop();
  });

  test("that another process announced among more offices than an announcement names", async () => {
    const { createOffice, startWorker, connect } = await setup();
    const office = await createOffice();
    const { runtime } = await startWorker();
    await office.submit({ a: {} });
    const announcer = new Announcer(connect(1), "somebody else");
    announcer.announce(Array.from({ length: 50 }, () => crypto.randomUUID()));
    await expect(runtime.started("a")).resolves.toBeDefined();
    await announcer.stop();
  });

  test("that another worker unlocked", async () => {
    const { createOffice, startWorker } = await setup();
    const office = await createOffice();
    const first = await office.submit({ a: {} });
    const second = await office.submit({ b: { depends_on: ["a"] } });
    const one = await startWorker({ taskId: first });
    const other = await startWorker({ taskId: second });
    await one.runtime.finish("a");
    await other.runtime.finish("b");
    expect([one.runtime.starts, other.runtime.starts]).toEqual([["a#1"], ["b#1"]]);
  });

  test("for which another worker's session made room", async () => {
    const { createOffice, startWorker } = await setup();
    const office = await createOffice({ maxConcurrentJobs: 1 });
    const first = await office.submit({ a: {} });
    const second = await office.submit({ b: {} });
    const one = await startWorker({ taskId: first });
    const other = await startWorker({ taskId: second });
    expect(other.runtime.starts).toEqual([]);
    await one.runtime.finish("a");
    await other.runtime.started("b");
  });

  test("whose retry time has come", async () => {
    const { createOffice, startWorker, whenEvent } = await setup();
    const office = await createOffice({ retryBaseDelay: 30 });
    await office.submit({ a: {} });
    const { runtime } = await startWorker();
    await runtime.fail("a", 1);
    await runtime.fail("a", 2);
    await runtime.finish("a", 3);
    await whenEvent(office, ({ type }) => type === "job_completed");
    expect(runtime.starts).toEqual(["a#1", "a#2", "a#3"]);
    const delays = (await office.events()).flatMap(({ details }) => details["retry_delay_ms"] ?? []);
    expect(delays).toEqual([30, 60]);
    await expect(problemsOf(office)).resolves.toEqual([]);
  });

  test("whose retry time comes after its worker was replaced", async () => {
    const { createOffice, startWorker, whenEvent } = await setup();
    const office = await createOffice({ retryBaseDelay: 100 });
    await office.submit({ a: {} });
    const first = await startWorker();
    await first.runtime.fail("a");
    await whenEvent(office, ({ type }) => type === "job_retrying");
    await first.loop.stop();
    const { runtime } = await startWorker();
    await expect(runtime.started("a", 2)).resolves.toBeDefined();
  });

  test("whose retry time comes while another's, that waits for its dependency, is long past", async () => {
    const { createOffice, startWorker } = await setup();
    const office = await createOffice();
    await office.submit({ first: {}, blocked: { depends_on: ["first"] }, a: {} });
    const { first, a } = Object.fromEntries(await office.claim());
    if (first === undefined || a === undefined) throw new Error("both were to start");
    await office.finish(first);
    const blocked = await office.claimOne();
    await office.retry(["first"]);
    await office.retryLater(blocked, 0);
    await office.retryLater(a, 200);
    const { runtime } = await startWorker();
    await runtime.started("a", 2);
    await expect(office.job("blocked")).resolves.toMatchObject({ status: "pending", unmet_count: 1 });
  });
});

test("a tick finds what nobody has told of", async () => {
  const { createOffice, startWorker } = await setup();
  const office = await createOffice();
  const { runtime } = await startWorker({ tickIntervalMs: 20 });
  await office.submit({ a: {} });
  await expect(runtime.started("a")).resolves.toBeDefined();
});

test("an office with a job that is due, and waits for its dependency all the same, has nothing to do until the next time", async () => {
  const { createOffice, createWorker } = await setup();
  const office = await createOffice();
  await office.submit({ first: {}, blocked: { depends_on: ["first"] }, later: {} });
  const { first, later } = Object.fromEntries(await office.claim());
  if (first === undefined || later === undefined) throw new Error("both were to start");
  await office.finish(first);
  const blocked = await office.claimOne();
  await office.retry(["first"]);
  await office.claimOne();
  await office.retryLater(blocked, 0);
  await office.retryLater(later, 3_600_000);
  const [active] = await createWorker().loop.getActiveOffices();
  expect(active).toMatchObject({ id: office.id, has_work: false, has_foreign_jobs: false });
  expect(active?.due_in_ms).toBeGreaterThan(0);
});

test("workers that are told of a job at the same time start it once", async () => {
  const { createOffice, startWorker, whenEnded } = await setup();
  const office = await createOffice();
  const workers = await Promise.all([1, 2, 3, 4].map(() => startWorker(endsAtOnce)));
  for (let index = 0; index < 20; index++) {
    const ended = whenEnded(office, index + 1);
    await office.submit({ [`job-${index}`]: {} });
    for (const { loop } of workers) loop.wake(office.id);
    await ended;
  }
  expect(workers.flatMap(({ runtime }) => runtime.starts).toSorted()).toEqual(
    Array.from({ length: 20 }, (_, index) => `job-${index}#1`).toSorted(),
  );
});

describe("processOffice", () => {
  test("makes one pass now, and says what it did", async () => {
    const { createOffice, startWorker } = await setup();
    const office = await createOffice({ maxConcurrentJobs: 2 });
    const { loop, runtime } = await startWorker();
    await office.submit({ a: {}, b: {}, c: {} });
    await expect(loop.processOffice(office.id)).resolves.toEqual({ activated: 0, started: 2 });
    expect(runtime.runningKeys).toEqual(["a", "b"]);
    await expect(loop.processOffice(office.id)).resolves.toEqual({ activated: 0, started: 0 });
  });

  test("takes in what another program wrote, and wakes what is due", async () => {
    const { createOffice, createWorker } = await setup();
    const office = await createOffice();
    await office.submit({ a: {} });
    await office.retryLater(await office.claimOne(), 10_000);
    await sql(office, "UPDATE job_queue SET run_at = now()");
    await sql(office, "INSERT INTO job_queue (office_id, title) VALUES ($1, 'Foreign')", [office.id]);
    const { loop } = createWorker();
    await expect(loop.processOffice(office.id)).resolves.toEqual({ activated: 1, started: 0 });
    await expect(office.states()).resolves.toEqual({ a: "ready", [(await office.jobs())[1]?.key ?? ""]: "ready" });
  });

  test("starts nothing before the loop does", async () => {
    const { createOffice, createWorker } = await setup();
    const office = await createOffice();
    await office.submit({ a: {} });
    const { loop, runtime } = createWorker();
    await expect(loop.processOffice(office.id)).resolves.toEqual({ activated: 0, started: 0 });
    await loop.start();
    await runtime.started("a");
  });

  test("any number of times at once: no more sessions than this worker may have", async () => {
    const { createOffice, startWorker } = await setup();
    const offices = await Promise.all([1, 2, 3].map(() => createOffice()));
    const { loop, runtime } = await startWorker({ sessionsMax: 2 });
    for (const office of offices) await office.submit({ a: {}, b: {} });
    const summaries = await Promise.all([...offices, ...offices].map(({ id }) => loop.processOffice(id)));
    expect(summaries.reduce((sum, { started }) => sum + started, 0)).toBe(2);
    expect(runtime.running).toBe(2);
  });
});
