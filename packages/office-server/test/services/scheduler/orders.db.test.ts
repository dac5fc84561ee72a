import { Announcer } from "office-server/db/wakeups.ts";
import { handOverJob, setTimeoutMs } from "office-server/db/transitions/jobControls.ts";
import { expect, test } from "vitest";
import { setup } from "../../../../../test/support/scheduler.ts";
import { problemsOf } from "../../../../../test/support/soundness.ts";

/** What another process does: it changes the database, and announces that. */
async function setupWithOther() {
  const world = await setup();
  const announcer = new Announcer(world.database, "another process");
  return { ...world, announcer };
}

test("a cancel by another process stops the session", async () => {
  const { createOffice, startWorker, whenEvent, announcer } = await setupWithOther();
  const office = await createOffice({ maxConcurrentJobs: 1 });
  await office.submit({ a: {}, b: {} });
  const { runtime } = await startWorker();
  const a = await runtime.started("a");
  await office.cancel("a");
  announcer.order([office.id]);
  // The slot is free only when the session is gone.
  await runtime.started("b");
  expect(a.stops).toEqual(["cancelled"]);
  await whenEvent(office, ({ type, job_key: key }) => type === "job_started" && key === "b");
  await expect(problemsOf(office)).resolves.toEqual([]);
});

test("a cancel that nobody told of is found by the next look", async () => {
  const { createOffice, startWorker } = await setup();
  const office = await createOffice();
  await office.submit({ a: {} });
  const { loop, runtime } = await startWorker();
  const a = await runtime.started("a");
  await office.cancel("a");
  await loop.tick();
  expect(a.stops).toEqual(["cancelled"]);
});

test("a worker that drains still finds what is asked of its sessions, and starts nothing", async () => {
  const { createOffice, startWorker } = await setup();
  const office = await createOffice({ maxConcurrentJobs: 2 });
  await office.submit({ a: {} });
  const { loop, runtime } = await startWorker({ tickIntervalMs: 1 });
  const a = await runtime.started("a");
  const drained = loop.stop("finish");
  await office.submit({ late: {} });
  await office.cancel("a");
  await drained;
  expect(a.stops).toEqual(["cancelled"]);
  await expect(office.states()).resolves.toEqual({ a: "cancelled", late: "ready" });
});

test("a deadline that is moved reaches the session, once", async () => {
  const { createOffice, startWorker, database } = await setup();
  const office = await createOffice();
  await office.submit({ a: { timeout_ms: 60_000 } });
  const { loop, runtime } = await startWorker();
  const { request } = await runtime.started("a");
  await expect(setTimeoutMs(database, office.id, office.idOf("a"), 90_000)).resolves.toBe("processing");
  await loop.tick();
  expect(runtime.timeouts).toEqual(new Map([[request.executionId, 90_000]]));
  runtime.timeouts.clear();
  await loop.tick();
  expect(runtime.timeouts.size).toBe(0);
});

test("a running job that is handed over is stopped, and runs anew for its new role", async () => {
  const { createOffice, startWorker, database, announcer, whenEvent } = await setupWithOther();
  const office = await createOffice();
  await office.submit({ a: { role: "BE" } });
  const { runtime } = await startWorker();
  const first = await runtime.started("a");
  const handOver = { role: "QA", agentId: undefined, requeue: true };
  await expect(handOverJob(database, office.id, office.idOf("a"), handOver)).resolves.toBe("processing");
  announcer.order([office.id]);
  const second = await runtime.started("a", 2);
  expect(first.stops).toEqual(["interrupted"]);
  expect(second.request.role).toBe("QA");
  await expect(office.job("a")).resolves.toMatchObject({ role: "QA", retry_count: 0, attempt: 2 });
  const handed = await whenEvent(office, ({ type }) => type === "job_handed_over");
  expect(handed).toMatchObject({ attempt: 1, details: { from_role: "BE", to_role: "QA", requeued: true } });
});

test("a running job is not handed over without being asked to requeue it", async () => {
  const { createOffice, startWorker, database } = await setup();
  const office = await createOffice();
  await office.submit({ a: { role: "BE" } });
  const { loop, runtime } = await startWorker();
  const a = await runtime.started("a");
  const handOver = { role: "QA", agentId: undefined, requeue: false };
  await expect(handOverJob(database, office.id, office.idOf("a"), handOver)).resolves.toBe("processing");
  await loop.tick();
  expect(a.stops).toEqual([]);
  await expect(office.job("a")).resolves.toMatchObject({ role: "BE" });
});
