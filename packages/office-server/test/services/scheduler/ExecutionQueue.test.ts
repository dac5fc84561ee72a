import { DEFAULT_CONFIG } from "office-contract/config.ts";
import { Database } from "office-server/db/connection.ts";
import type { ClaimedJob } from "office-server/db/transitions/runPass.ts";
import { newId } from "office-server/platform/ids.ts";
import { createLogger } from "office-server/platform/log.ts";
import { ExecutionQueue } from "office-server/services/scheduler/ExecutionQueue.ts";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ScriptedRuntime } from "../../../../../test/support/scriptedRuntime.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const day = 24 * 60 * 60_000;

const claimedJob = (overrides: Partial<ClaimedJob>): ClaimedJob => ({
  execution_id: newId(),
  fencing_token: "1",
  office_id: newId(),
  task_id: null,
  job_id: newId(),
  key: "a",
  role: "BE",
  attempt: 1,
  title: "Do it",
  description: null,
  session: { run: "true", cwd: "/", env: {} },
  timeout_ms: 60_000,
  retry_count: 0,
  max_retries: 0,
  ...overrides,
});

/** A queue that has no connection, and needs none. */
function createQueue(sessionsMax: number | null = null) {
  const database = new Database({ connectionString: "postgres://nobody@localhost/nothing", schema: "public" });
  const runtime = new ScriptedRuntime();
  const queue = new ExecutionQueue({ database, runtime, log: createLogger("silent"), sessionsMax });
  return { queue, runtime };
}

test("a session whose host does not keep its deadline is asked to stop a while later, once", async () => {
  const { queue, runtime } = createQueue();
  queue.executeJob(claimedJob({ timeout_ms: 30 * day }), DEFAULT_CONFIG);
  const { stops } = await runtime.started("a");
  vi.advanceTimersByTime(30 * day);
  expect(stops).toEqual([]);
  vi.advanceTimersByTime(60_000);
  expect(stops).toEqual(["timeout"]);
  vi.advanceTimersByTime(day);
  expect(stops).toEqual(["timeout"]);
});

test("a session that has ended is not watched any more", async () => {
  const { queue, runtime } = createQueue();
  queue.executeJob(claimedJob({}), DEFAULT_CONFIG);
  const session = await runtime.started("a");
  session.end({ kind: "finished" });
  vi.advanceTimersByTime(day);
  expect(session.stops).toEqual([]);
});

test("room is taken by sessions that run, not by ends that wait to be put on record", async () => {
  const { queue, runtime } = createQueue(2);
  expect(queue.capacity).toBe(2);
  queue.executeJob(claimedJob({ key: "a" }), DEFAULT_CONFIG);
  queue.executeJob(claimedJob({ key: "b" }), DEFAULT_CONFIG);
  expect([queue.capacity, queue.size]).toEqual([0, 2]);
  await runtime.finish("a");
  expect([queue.capacity, queue.size]).toEqual([1, 2]);
});

test("what is taken to be settled is taken once, and can be put back", async () => {
  const { queue, runtime } = createQueue();
  const [one, other] = [claimedJob({ key: "a" }), claimedJob({ key: "b" })];
  const woken: string[] = [];
  queue.onSettlement = (officeId) => woken.push(officeId);
  for (const job of [one, other]) queue.executeJob(job, DEFAULT_CONFIG);
  await runtime.finish("a");
  await runtime.finish("b");
  expect(woken).toEqual([one.office_id, other.office_id]);

  const taken = queue.takeSettlements([one.office_id]);
  expect(taken).toMatchObject([{ executionId: one.execution_id, fencingToken: "1", exit: { way: "completed" } }]);
  expect(queue.takeSettlements([one.office_id])).toEqual([]);
  queue.putBack(taken);
  expect(queue.takeSettlements([one.office_id, other.office_id])).toHaveLength(2);
  queue.onSettled(taken, new Set([one.execution_id]));
  expect([queue.has(one.execution_id), queue.has(other.execution_id)]).toEqual([false, true]);
});

test("a job that was cancelled before its claim was known never starts", () => {
  const { queue, runtime } = createQueue();
  const [job, other] = [claimedJob({}), claimedJob({})];
  queue.stopCancelled([job.execution_id, other.execution_id]);
  queue.executeJob(job, DEFAULT_CONFIG);
  expect(runtime.starts).toEqual([]);
  expect(queue.takeSettlements([job.office_id])).toMatchObject([{ exit: { way: "cancelled" } }]);
  queue.forgetEarlyOrders();
  queue.executeJob(other, DEFAULT_CONFIG);
  expect(runtime.starts).toHaveLength(1);
});

test("a job that is handed back never starts, and its retries are not touched", () => {
  const { queue, runtime } = createQueue();
  const job = claimedJob({});
  queue.handBack(job, DEFAULT_CONFIG);
  expect(runtime.starts).toEqual([]);
  expect(queue.takeSettlements([job.office_id])).toMatchObject([{ exit: { way: "interrupted", costsRetry: false } }]);
});
