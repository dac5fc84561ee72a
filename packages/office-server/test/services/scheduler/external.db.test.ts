import { Listener } from "office-server/db/wakeups.ts";
import type { SessionSpec } from "office-contract/session.ts";
import type { World } from "../../../../../test/support/scheduler.ts";
import type { TestOffice } from "../../../../../test/support/testOffice.ts";
import { expect, test } from "vitest";
import { setup, sql } from "../../../../../test/support/scheduler.ts";
import { problemsOf } from "../../../../../test/support/soundness.ts";

const external = (leaseMs?: number): SessionSpec => ({
  runtime: "external",
  ...(leaseMs !== undefined && { lease_ms: leaseMs }),
  cwd: "/",
  env: {},
});

/** Lets time pass for one execution: all that is known of it was so much earlier. */
const age = (world: World, office: TestOffice, seconds: number) =>
  sql(
    world,
    `UPDATE job_executions SET started_at = started_at - $2 * interval '1 s', lease_until = lease_until - $2 * interval '1 s'
     WHERE office_id = $1 AND ended_at IS NULL`,
    [office.id, seconds],
  );

const lease = async (world: World, office: TestOffice) => {
  const [row] = await sql<{ lease_ms: string; renewed: boolean }>(
    world,
    `SELECT lease_ms, lease_until > now() + (lease_ms - 5000) * interval '1 ms' AS renewed FROM job_executions WHERE office_id = $1`,
    [office.id],
  );
  return row;
};

test("nothing is started for it, and its slot is held", async () => {
  const world = await setup();
  const office = await world.createOffice({ maxConcurrentJobs: 1 });
  await office.submit({ a: { session: external() }, b: {} });
  const { runtime, queue } = await world.startWorker();
  await world.whenEvent(office, ({ type, job_key: key }) => type === "job_started" && key === "a");
  expect([runtime.starts, queue.size]).toEqual([[], 0]);
  await expect(office.states()).resolves.toEqual({ a: "processing", b: "ready" });
  await expect(lease(world, office)).resolves.toEqual({ lease_ms: "60000", renewed: true });
});

test("after silence it is tried again when its time has come, without a tick", async () => {
  const world = await setup();
  const office = await world.createOffice({ maxRetries: 1, retryBaseDelay: 50 });
  await office.submit({ a: { session: external(1) } });
  await world.startWorker();
  const again = await world.whenEvent(office, ({ type, attempt }) => type === "job_started" && attempt === 2);
  expect(again.job_key).toBe("a");
});

test("silence beyond its lease is a crash, and the job is tried again", async () => {
  const world = await setup();
  const office = await world.createOffice({ maxRetries: 1, retryBaseDelay: 0 });
  await office.submit({ a: { session: external(10_000) } });
  const { loop } = await world.startWorker();
  await world.whenEvent(office, ({ type }) => type === "job_started");
  await age(world, office, 5);
  await loop.tick();
  await expect(office.states()).resolves.toEqual({ a: "processing" });
  await age(world, office, 6);
  await loop.tick();
  const retrying = await world.whenEvent(office, ({ type }) => type === "job_retrying");
  expect(retrying.details).toMatchObject({
    error_class: "SESSION_CRASH",
    message: "the external session was silent for 10000 ms",
  });
  await world.whenEvent(office, ({ type, attempt }) => type === "job_started" && attempt === 2);
  await age(world, office, 11);
  await loop.tick();
  await world.whenEvent(office, ({ type }) => type === "job_failed");
  await expect(problemsOf(office)).resolves.toEqual([]);
});

test("the end of a lease is noticed without a tick", async () => {
  const world = await setup();
  const office = await world.createOffice({ maxRetries: 0 });
  await office.submit({ a: { session: external(50) } });
  await world.startWorker();
  const { details } = await world.whenEvent(office, ({ type }) => type === "job_failed");
  expect(details).toMatchObject({ error_class: "SESSION_CRASH" });
});

test("others are told of its end", async () => {
  const world = await setup();
  const office = await world.createOffice({ maxRetries: 0 });
  await office.submit({ a: { session: external(10_000) } });
  const { loop } = await world.startWorker();
  await world.whenEvent(office, ({ type }) => type === "job_started");
  await age(world, office, 11);
  const { promise: told, resolve } = Promise.withResolvers<string>();
  const listener = new Listener(world.database, "another process", (wakeup) => {
    if (wakeup.kind === "office") resolve(wakeup.officeId);
  });
  await listener.start();
  await loop.tick();
  await expect(told).resolves.toBe(office.id);
  await listener.stop();
});

test("a sign of life renews the lease, and tells of a deadline that has passed", async () => {
  const world = await setup();
  const office = await world.createOffice({ maxRetries: 0 });
  await office.submit({ a: { session: external(30_000), timeout_ms: 60_000 } });
  const { loop } = await world.startWorker();
  const { execution_id: id } = await world.whenEvent(office, ({ type }) => type === "job_started");
  const renew = () => sql(world, "SELECT stop FROM renew_lease($1)", [id]);
  await age(world, office, 20);
  await expect(renew()).resolves.toEqual([{ stop: null }]);
  await expect(lease(world, office)).resolves.toMatchObject({ renewed: true });

  await age(world, office, 41);
  await renew(); // too late for the lease that it had, but nobody has noticed yet
  await loop.tick();
  await expect(renew()).resolves.toEqual([{ stop: "timeout" }]);
  await expect(office.states()).resolves.toEqual({ a: "processing" });

  // Now that it is to stop, signs of life do not hold the slot any longer.
  await age(world, office, 31);
  await renew();
  await loop.tick();
  const end = await world.whenEvent(office, ({ type }) => type === "job_timeout");
  expect(end.details).toMatchObject({ error_class: "TIMEOUT" });
  await expect(renew()).resolves.toEqual([]);
  await expect(problemsOf(office)).resolves.toEqual([]);
});

test("a cancelled one holds its slot no longer than its lease", async () => {
  const world = await setup();
  const office = await world.createOffice({ maxConcurrentJobs: 1 });
  await office.submit({ a: { session: external(30_000) }, b: {} });
  const { loop, runtime } = await world.startWorker();
  await world.whenEvent(office, ({ type }) => type === "job_started");
  await office.cancel("a");
  await loop.tick();
  expect(runtime.starts).toEqual([]);
  await age(world, office, 31);
  await loop.tick();
  await runtime.started("b");
  await expect(office.executions()).resolves.toMatchObject([{ status: "cancelled" }, { status: "running" }]);
  await expect(problemsOf(office)).resolves.toEqual([]);
});

test("what makes no sense as an external session fails that job alone", async () => {
  const world = await setup();
  const office = await world.createOffice();
  await office.submit({ a: {}, b: {} });
  await sql(
    world,
    `UPDATE job_queue SET session = '{"runtime": "external", "lease_ms": "soon", "run": 1}' WHERE id = $1`,
    [office.idOf("a")],
  );
  const { runtime } = await world.startWorker({ onStart: (session) => session.end({ kind: "finished" }) });
  await world.whenEnded(office, 2);
  expect(runtime.starts).toEqual(["a#1", "b#1"]); // the orchestrator refuses what it cannot run
});

test("a role may say that its jobs are run elsewhere", async () => {
  const world = await setup();
  const office = await world.createOffice();
  await sql(world, "UPDATE offices SET roles = $2 WHERE id = $1", [office.id, JSON.stringify({ PM: external(5_000) })]);
  await office.submit({ a: { role: "PM", session: null } });
  await world.startWorker();
  await world.whenEvent(office, ({ type }) => type === "job_started");
  await expect(lease(world, office)).resolves.toMatchObject({ lease_ms: "5000" });
});
