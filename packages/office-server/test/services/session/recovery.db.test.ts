import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { endWorker, registerWorker } from "office-server/db/workerRows.ts";
import { currentBootId, identityOf } from "office-server/platform/processIdentity.ts";
import { createLogger } from "office-server/platform/log.ts";
import { currentWorkerId } from "office-server/platform/workerId.ts";
import { type ExitRecord, type StartSpec, writeRecord } from "office-server/services/session/host/records.ts";
import { Recovery, type RecoveryOptions } from "office-server/services/session/recovery.ts";
import { describe, expect, onTestFinished, test } from "vitest";
import { setup } from "../../../../../test/support/scheduler.ts";
import { problemsOf } from "../../../../../test/support/soundness.ts";

const startTime = identityOf(process.pid)?.startTime;
const DEAD = [hostname(), currentBootId(), process.pid, `${startTime}0`].join("/");
const BEFORE_REBOOT = [hostname(), "a-boot-of-long-ago", process.pid, startTime].join("/");
const ALIVE = currentWorkerId();

/** An office with a running job for each worker named, and a folder for their sessions. */
async function leaveBehind(workers: Readonly<Record<string, string>>) {
  const world = await setup();
  const sessionsDirectory = mkdtempSync(join(tmpdir(), "office-recovery-"));
  onTestFinished(() => rmSync(sessionsDirectory, { recursive: true }));
  const office = await world.createOffice({ maxConcurrentJobs: 100 });
  const executions = new Map<string, string>();
  for (const [key, workerId] of Object.entries(workers)) {
    await office.submit({ [key]: {} });
    const [job] = (await office.pass({ workerId })).claimed;
    executions.set(key, job?.execution_id ?? "");
  }
  const directoryOf = (key: string): string => join(sessionsDirectory, executions.get(key) ?? "");
  /** Returns how many it put on record. */
  const recover = async (options: Partial<RecoveryOptions> = {}): Promise<number> => {
    const recovery = new Recovery({
      database: world.database,
      sessionsDirectory,
      workerId: () => ALIVE,
      onlyThisMachine: false,
      termGraceMs: 1_000,
      lossesMax: 5,
      succession: () => "stop",
      isKnown: () => false,
      adopt: () => {},
      beforeSettling: async () => {},
      onSettled: () => {},
      log: createLogger("silent"),
      ...options,
    });
    return (await recovery.run()).settled;
  };
  return { ...world, office, recover, directoryOf, sessionsDirectory };
}

/** What the host of a session that has ended wrote down. */
function writeEnd(directory: string, end: Partial<ExitRecord>): void {
  mkdirSync(directory);
  const spec: StartSpec = {
    executionId: "",
    command: ["true"],
    cwd: "/",
    env: {},
    timeoutMs: 1_000,
    termGraceMs: 1_000,
    output: { headBytes: 1, tailBytes: 1 },
    lease: null,
  };
  const at = "2026-01-01T00:00:00.000Z";
  const exit: ExitRecord = {
    exitCode: 0,
    signal: null,
    stopCause: null,
    startError: null,
    startedAt: at,
    endedAt: at,
    durationMs: 0,
    ...end,
  };
  writeRecord(directory, "spec", spec);
  writeRecord(directory, "exit", exit);
}

describe("where every worker is on this machine", () => {
  test("executions of dead workers are lost, those of the living are left alone", async () => {
    const { office, recover } = await leaveBehind({
      dead: DEAD,
      rebooted: BEFORE_REBOOT,
      alive: ALIVE,
      odd: "worker-7",
    });
    await expect(recover({ onlyThisMachine: true })).resolves.toBe(2);
    await expect(office.states()).resolves.toEqual({
      dead: "ready",
      rebooted: "ready",
      alive: "processing",
      odd: "processing",
    });
    await expect(office.job("dead")).resolves.toMatchObject({ retry_count: 0, attempt: 1 });
    await expect(problemsOf(office)).resolves.toEqual([]);
  });

  test("a second look finds nothing", async () => {
    const { office, recover } = await leaveBehind({ dead: DEAD });
    await recover({ onlyThisMachine: true });
    const before = await office.events();
    await expect(recover({ onlyThisMachine: true })).resolves.toBe(0);
    await expect(office.events()).resolves.toEqual(before);
  });

  test("several that look at once put each on record once", async () => {
    const { office, recover } = await leaveBehind({ a: DEAD, b: DEAD, c: DEAD });
    const counts = await Promise.all([1, 2, 3].map(() => recover({ onlyThisMachine: true })));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(3);
    await expect(problemsOf(office)).resolves.toEqual([]);
  });
});

describe("where workers may be on other machines", () => {
  test("only executions whose sessions were here are looked at", async () => {
    const { office, recover, directoryOf } = await leaveBehind({ here: DEAD, elsewhere: DEAD });
    mkdirSync(directoryOf("here"));
    await expect(recover()).resolves.toBe(1);
    await expect(office.states()).resolves.toEqual({ here: "ready", elsewhere: "processing" });
  });
});

test("what a worker of the same folder had claimed and not started is free at once", async () => {
  const { office, recover, database, sessionsDirectory } = await leaveBehind({
    claimed: DEAD,
    elsewhere: BEFORE_REBOOT,
  });
  for (const id of [DEAD, BEFORE_REBOOT]) {
    await registerWorker(database, { id, version: "1", leaseMs: 1_000, taskId: null, sessionsDirectory });
  }
  await expect(recover()).resolves.toBe(1);
  // The folder's name says nothing of another machine's, also when its worker has handed over: its sessions go on there.
  await expect(endWorker(database, BEFORE_REBOOT)).resolves.toBe(true);
  await expect(recover()).resolves.toBe(0);
  await expect(office.states()).resolves.toEqual({ claimed: "ready", elsewhere: "processing" });
});

describe("a session that ended while nobody watched", () => {
  test.each([
    ["well", {}, { status: "done", retry_count: 0 }],
    ["with an exit code", { exitCode: 3 }, { status: "pending", error_class: "EXIT_CODE", retry_count: 1 }],
    ["by a signal", { exitCode: null, signal: "SIGBUS" }, { status: "pending", error_class: "SESSION_CRASH" }],
    [
      "at its deadline",
      { exitCode: null, signal: "SIGTERM", stopCause: "timeout" },
      { status: "pending", error_class: "TIMEOUT" },
    ],
    [
      "interrupted",
      { exitCode: null, signal: "SIGTERM", stopCause: "interrupted" },
      { status: "ready", retry_count: 0 },
    ],
  ] as const)("%s: its record decides", async (_how, exit, expected) => {
    const { office, recover, directoryOf } = await leaveBehind({ a: DEAD });
    writeEnd(directoryOf("a"), exit);
    await expect(recover()).resolves.toBe(1);
    await expect(office.job("a")).resolves.toMatchObject(expected);
    const output = (await office.events()).at(expected.status === "ready" ? -2 : -1)?.details["output"];
    expect(output).toBe(directoryOf("a"));
    await expect(problemsOf(office)).resolves.toEqual([]);
  });

  test("well, though what it had started is still there: that is stopped, and the record decides", async () => {
    const { office, recover, directoryOf } = await leaveBehind({ a: DEAD });
    writeEnd(directoryOf("a"), {});
    const env = { ...process.env, EXECUTION_ID: basename(directoryOf("a")) };
    const left = spawn("sleep", ["600"], { env, stdio: "ignore" });
    const gone = once(left, "exit");
    await expect(recover()).resolves.toBe(1);
    await gone;
    await expect(office.job("a")).resolves.toMatchObject({ status: "done", attempt: 1 });
    await expect(problemsOf(office)).resolves.toEqual([]);
  });

  test("of a job that was cancelled meanwhile: its slot is free again, and nothing else changes", async () => {
    const { office, recover, directoryOf } = await leaveBehind({ a: DEAD });
    await office.cancel("a");
    writeEnd(directoryOf("a"), { exitCode: 1 });
    const before = await office.events();
    await expect(recover()).resolves.toBe(1);
    await expect(office.states()).resolves.toEqual({ a: "cancelled" });
    await expect(office.executions()).resolves.toMatchObject([{ status: "cancelled" }]);
    await expect(office.events()).resolves.toEqual(before);
  });
});

test("what is recovered runs again, on the next worker", async () => {
  const { office, recover, startWorker, whenEnded } = await leaveBehind({ a: DEAD });
  await recover({ onlyThisMachine: true });
  const ended = whenEnded(office, 1);
  const { runtime } = await startWorker();
  await runtime.finish("a", 2);
  await ended;
  await expect(office.executions()).resolves.toMatchObject([
    { status: "lost", worker_id: DEAD },
    { status: "completed" },
  ]);
});

describe("an execution of the worker's own", () => {
  test("of which it does not know, since the answer to its take-over got lost, is taken care of", async () => {
    const { office, recover, directoryOf } = await leaveBehind({ a: ALIVE, claimed: ALIVE });
    writeEnd(directoryOf("a"), {});
    await expect(recover()).resolves.toBe(1);
    // A claim whose answer is on its way has no session yet.
    await expect(office.states()).resolves.toEqual({ a: "done", claimed: "processing" });
  });

  test("of which it knows is left to it", async () => {
    const { office, recover, directoryOf } = await leaveBehind({ a: ALIVE });
    writeEnd(directoryOf("a"), {});
    await expect(recover({ isKnown: () => true })).resolves.toBe(0);
    await expect(office.states()).resolves.toEqual({ a: "processing" });
  });
});
