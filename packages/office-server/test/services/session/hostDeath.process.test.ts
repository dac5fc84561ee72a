import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test, vi } from "vitest";
import { livingProcesses, sendSignal } from "../../../src/platform/processTable.ts";
import { readRecord } from "../../../src/services/session/host/records.ts";
import { HostPool } from "../../../src/services/session/hostPool.ts";
import { endSession, inspectSession } from "../../../src/services/session/leftBehind.ts";
import { sessionRequest } from "./factories.ts";
import { appears, processesOf, setup } from "./sessionWorld.ts";

const untilTold = "touch started; until test -e go; do sleep 0.01; done; echo done";

function hostPidOf(directory: string): number {
  const pid = readRecord(directory, "host")?.host.pid;
  if (pid === undefined) throw new Error(`no host in ${directory}`);
  return pid;
}

const programOf = (directory: string): number | undefined => readRecord(directory, "host")?.program?.pid;

describe("a host that is killed", () => {
  test("takes its session with it, deaf programs and daemons included", async () => {
    const { start, inFolder } = setup({ termGraceMs: 50 });
    const session = start({ run: "trap '' TERM; (setsid sleep 1000 &); touch started; while :; do sleep 1000; done" });
    await appears(inFolder("started"));
    sendSignal(hostPidOf(session.directory), "SIGKILL");
    const { outcome } = await session.end;
    expect(outcome).toMatchObject({ kind: "crashed", message: expect.stringContaining("SIGKILL") });
    expect(processesOf(session.executionId)).toEqual([]);
    expect(inspectSession(session.directory)).toEqual({ state: "gone", started: true });
  });

  test("while it was being stopped counts as stopped", async () => {
    const { start, inFolder, orchestrator } = setup();
    const session = start({ run: "trap 'touch stopping' TERM; touch started; while :; do sleep 0.01; done" });
    await appears(inFolder("started"));
    orchestrator.stop(session.executionId, "cancelled");
    await appears(inFolder("stopping"));
    sendSignal(hostPidOf(session.directory), "SIGKILL");
    // The program ignores the second SIGTERM too; nobody wants to wait for the grace.
    process.kill(-(readRecord(session.directory, "host")?.program?.pid ?? Number.NaN), "SIGKILL");
    expect((await session.end).outcome).toEqual({ kind: "stopped", cause: "cancelled" });
  });

  test("before it had a session is replaced", async () => {
    const { run, orchestrator } = setup({ spareHosts: 1 });
    orchestrator.warmUp();
    const [spare] = hostsOf(process.pid);
    sendSignal(spare ?? Number.NaN, "SIGKILL");
    expect((await run({ run: "echo still" })).output()).toBe("still\n");
  });

  test("again and again is a crash, and nothing has run", async () => {
    const log = vi.fn<(message: string) => void>();
    const { run, folder } = setup({ log, environment: { PATH: "/no/such/folder" } });
    const { outcome, directory } = await run({ run: "touch started" });
    expect(outcome).toMatchObject({ kind: "crashed" });
    expect(inspectSession(directory)).toEqual({ state: "gone", started: false });
    expect(readdirSync(folder)).toEqual(["sessions"]);
    expect(log).toHaveBeenCalledWith(expect.stringContaining("hosts.log"));
  });
});

describe("a host that somebody has stopped", () => {
  test("hears all the same that its session is to end", async () => {
    const { start, inFolder, orchestrator } = setup();
    const session = start({ run: "touch started; sleep 1000" });
    await appears(inFolder("started"));
    sendSignal(hostPidOf(session.directory), "SIGSTOP");
    orchestrator.stop(session.executionId, "cancelled");
    expect((await session.end).outcome).toEqual({ kind: "stopped", cause: "cancelled" });
  });

  test("goes on soon, and keeps its session's deadline", async () => {
    const { start, inFolder } = setup();
    const session = start({ run: "touch started; sleep 1000" }, { timeoutMs: 1_500 });
    await appears(inFolder("started"));
    sendSignal(hostPidOf(session.directory), "SIGSTOP");
    expect((await session.end).outcome).toEqual({ kind: "stopped", cause: "timeout" });
  });
});

describe("a host that is told to stop", () => {
  test("stops its session in order", async () => {
    const { start, inFolder } = setup();
    const session = start({ run: "touch started; sleep 1000" });
    await appears(inFolder("started"));
    await endSession(session.directory, 10_000);
    expect((await session.end).outcome).toEqual({ kind: "stopped", cause: "interrupted" });
  });

  test("but Ctrl-C does not reach it, nor its program", async () => {
    const { start, inFolder } = setup();
    const session = start({ run: untilTold });
    await appears(inFolder("started"));
    sendSignal(hostPidOf(session.directory), "SIGINT");
    writeFileSync(inFolder("go"), "");
    expect((await session.end).outcome).toEqual({ kind: "finished" });
  });
});

describe("a worker that is killed", () => {
  const workerProgram = fileURLToPath(new URL("./fixtures/worker.ts", import.meta.url));

  async function killedWorker(line: string, timeoutMs = 60_000) {
    const world = setup();
    const request = sessionRequest({ run: line, cwd: world.folder }, { timeoutMs });
    const directory = join(world.sessionsDirectory, request.executionId);
    const worker = spawn(process.execPath, [workerProgram, world.sessionsDirectory, JSON.stringify(request)], {
      stdio: "inherit",
    });
    await appears(world.inFolder("started"));
    const hosts = hostsOf(worker.pid ?? Number.NaN);
    await kill(worker);
    return { ...world, directory, hosts, executionId: request.executionId };
  }

  async function kill(worker: ChildProcess): Promise<void> {
    const exited = once(worker, "exit");
    worker.kill("SIGKILL");
    await exited;
  }

  test("leaves its sessions running, and their ends are recorded", async () => {
    const { directory, inFolder } = await killedWorker(untilTold);
    expect(inspectSession(directory).state).toBe("running");
    writeFileSync(inFolder("go"), "");
    await appears(join(directory, "exit.json"));
    await vi.waitUntil(() => inspectSession(directory).state === "exited");
    expect(inspectSession(directory)).toMatchObject({ state: "exited", record: { exitCode: 0, stopCause: null } });
  });

  test("leaves a host that is let go on when somebody stops it, and that keeps its session's deadline", async () => {
    const { directory, executionId } = await killedWorker("touch started; sleep 1000", 1_500);
    sendSignal(hostPidOf(directory), "SIGSTOP");
    await appears(join(directory, "exit.json"));
    expect(readRecord(directory, "exit")).toMatchObject({ stopCause: "timeout" });
    await vi.waitUntil(() => inspectSession(directory).state === "exited");
    expect(processesOf(executionId)).toEqual([]);
  });

  test("leaves no spare host", async () => {
    const { directory, hosts } = await killedWorker(untilTold);
    expect(hosts.length).toBeGreaterThan(1);
    const session = hostPidOf(directory);
    const living = (): number[] => livingProcesses().map(({ pid }) => pid);
    await vi.waitUntil(() => hosts.every((pid) => pid === session || !living().includes(pid)));
    await endSession(directory, 10_000);
  });

  test("together with the host leaves nothing: whoever is still there is ended, deaf programs and daemons included", async () => {
    const { directory, executionId } = await killedWorker(
      "trap '' TERM; (setsid sleep 1000 &); touch started; while :; do sleep 1000; done",
    );
    sendSignal(hostPidOf(directory), "SIGKILL");
    await vi.waitUntil(() => inspectSession(directory).state === "gone", { timeout: 30_000 });
    expect(inspectSession(directory)).toEqual({ state: "gone", started: true });
    expect(processesOf(executionId)).toEqual([]);
  });

  test("together with the host and what guards it leaves an orphan, which can be found and ended", async () => {
    const { directory, executionId } = await killedWorker("touch started; trap '' TERM; while :; do sleep 1000; done");
    const host = hostPidOf(directory);
    const guardians = livingProcesses().filter(
      ({ pid, parentPid }) => parentPid === host && pid !== programOf(directory),
    );
    expect(guardians).toHaveLength(1);
    for (const { pid } of guardians) sendSignal(pid, "SIGKILL");
    sendSignal(host, "SIGKILL");
    await vi.waitUntil(() => inspectSession(directory).state !== "running");
    expect(inspectSession(directory)).toEqual({ state: "orphaned", record: null });
    await endSession(directory, 10);
    expect(inspectSession(directory)).toEqual({ state: "gone", started: true });
    expect(processesOf(executionId)).toEqual([]);
  });
});

describe("spare hosts", () => {
  test("end when they are stopped, which may be done twice", async () => {
    const { sessionsDirectory } = setup();
    const before = hostsOf(process.pid);
    const pool = new HostPool(sessionsDirectory, 2, { PATH: process.env["PATH"] });
    pool.fill();
    pool.fill();
    const spares = hostsOf(process.pid).filter((pid) => !before.includes(pid));
    expect(spares).toHaveLength(2);
    await pool.stop();
    await pool.stop();
    expect(hostsOf(process.pid).filter((pid) => spares.includes(pid))).toEqual([]);
  });
});

/** The session hosts that a process has started. */
const hostsOf = (parent: number): number[] =>
  livingProcesses()
    .filter(({ pid, parentPid }) => parentPid === parent && commandLineOf(pid).includes("host/main.ts"))
    .map(({ pid }) => pid);

const commandLineOf = (pid: number): string =>
  execFileSync("ps", ["-o", "args=", "-p", `${pid}`], { encoding: "utf8" });
