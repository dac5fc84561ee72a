import { expect, test } from "vitest";
import { reportHealth, type WorkerFacts } from "../../src/workers/health.ts";

const FACTS: WorkerFacts = {
  phase: "running",
  version: "1.2.3",
  workerId: "host/boot/1/2",
  uptimeMs: 60_000.4,
  schedulingMs: 59_000,
  loop: { lastTickMs: 4_000.6, passes: 1, oldestPassMs: 3, executions: 2 },
  tickIntervalMs: 5_000,
  sessions: 2,
  sessionsMax: null,
  databaseMs: 0.7,
};

const report = ({ loop, ...facts }: Partial<Omit<WorkerFacts, "loop">> & { loop?: Partial<WorkerFacts["loop"]> }) =>
  reportHealth({ ...FACTS, ...facts, loop: { ...FACTS.loop, ...loop } });

test("a worker that is well says so, in whole milliseconds", () => {
  expect(report({})).toEqual({
    status: "ok",
    version: "1.2.3",
    worker_id: "host/boot/1/2",
    uptime_ms: 60_000,
    last_tick_ms: 4_001,
    database: { ok: true, latency_ms: 1 },
    sessions: 2,
    passes: 1,
    capacity: null,
  });
});

test.each(["starting", "stopping"] as const)("one that is %s is not failing, whenever it looked last", (phase) => {
  expect(report({ phase, loop: { lastTickMs: null } })).toMatchObject({ status: phase });
  expect(report({ phase, loop: { lastTickMs: 1e9 } })).toMatchObject({ status: phase });
});

test.each([
  ["the database does not answer", { databaseMs: null }],
  ["a scheduling pass has been running for 31 s", { loop: { oldestPassMs: 31_000 } }],
  ["the last look for work that succeeded was 26 s ago", { loop: { lastTickMs: 25_500 } }],
  ["the last look for work that succeeded was 26 s ago", { loop: { lastTickMs: null }, schedulingMs: 26_000 }],
])("one that cannot work says why: %s", (reason, facts) => {
  expect(report(facts)).toMatchObject({ status: "failing", reason });
});

test.each([
  ["three ticks and ten seconds without a look", { loop: { lastTickMs: 25_000 } }],
  ["a pass of thirty seconds", { loop: { oldestPassMs: 30_000 } }],
  ["a worker that never ticks", { tickIntervalMs: 0, loop: { lastTickMs: 1e9 } }],
  ["one that has just begun", { loop: { lastTickMs: null }, schedulingMs: 10 }],
])("nothing is wrong with %s", (_name, facts) => {
  expect(report(facts)).toMatchObject({ status: "ok" });
});
