import { spawn } from "node:child_process";
import { once } from "node:events";
import { type FSWatcher, readdirSync, readFileSync, watch } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import type { SessionSpec } from "office-contract/session.ts";
import type { Database } from "office-server/db/connection.ts";
import { Announcer } from "office-server/db/wakeups.ts";
import { monotonicMs } from "office-server/platform/clock.ts";
import { newId } from "office-server/platform/ids.ts";
import { pause } from "office-server/platform/timers.ts";
import { SessionOrchestrator } from "office-server/services/session/SessionOrchestrator.ts";
import { atMost, type Figure, median, percentile } from "./figures.ts";
import { type BenchServer, createLoop, createOffice, makeJobs, submit } from "./world.ts";

const SAMPLES = 150;
/** Long enough for the next host to be ready, as it is on an idle system. */
const IDLE_MS = 400;
const IDLE_SECONDS = 20;
const RUNNING = 10;

/** From a submission to the first thing that the session's program does, and what waiting and running cost. */
export async function sessions(server: BenchServer): Promise<Figure[]> {
  const database = await server.createDatabase();
  const orchestrator = new SessionOrchestrator({
    sessionsDirectory: join(server.home, "sessions"),
    environment: process.env,
  });
  const loop = createLoop(database, orchestrator);
  orchestrator.warmUp();
  await loop.start();
  const latenciesMs = await startLatencies(database, () => orchestrator.running, server.home);
  const { direct, hosted } = await startMedians(orchestrator, server.home);
  const idle = await idleShare();
  const memory = await hostMemory(database, () => orchestrator.running);
  await loop.stop("interrupt");
  await orchestrator.close();
  await database.close();
  const [p50, p99] = [percentile(latenciesMs, 0.5), percentile(latenciesMs, 0.99)];
  return [
    { name: "submit to session start, p50, no tick", value: `${p50.toFixed(1)} ms`, target: atMost(p50, 10, "10 ms") },
    { name: "submit to session start, p99, no tick", value: `${p99.toFixed(1)} ms`, target: atMost(p99, 50, "50 ms") },
    {
      name: `idle worker, processor time over ${IDLE_SECONDS} s`,
      value: `${(idle * 100).toFixed(2)} %`,
      target: atMost(idle, 0.01, "1 %"),
    },
    { name: "start of a program by Node itself", value: `${direct.toFixed(1)} ms` },
    {
      name: "start of a session, in a host of its own",
      value: `${hosted.toFixed(1)} ms (${(hosted / direct).toFixed(2)}x)`,
    },
    {
      name: `a session's host, memory of its own (PSS, ${RUNNING} running)`,
      value: `${(memory / 1024).toFixed(1)} MiB`,
    },
  ];
}

/** Submitted as another process would: the loop hears of it by the database alone. */
async function startLatencies(database: Database, running: () => number, home: string): Promise<number[]> {
  const announcer = new Announcer(database, "another process");
  const officeId = await createOffice(database, "latency", {});
  const folder = await mkdtemp(join(home, "started-"));
  const watcher = watch(folder);
  const latencies: number[] = [];
  for (let sample = 0; sample < SAMPLES; sample++) {
    const [job] = makeJobs(1);
    if (job === undefined) throw new Error("no job was made");
    const created = nextChange(watcher);
    const startMs = monotonicMs();
    await submit(database, officeId, [{ ...job, session: { run: `: > ${sample}`, cwd: folder, env: {} } }]);
    announcer.announce([officeId]);
    latencies.push((await created) - startMs);
    do await pause(IDLE_MS);
    while (running() > 0);
  }
  watcher.close();
  await announcer.stop();
  return latencies;
}

/** Creating a file is the first thing that the programs do. */
const nextChange = (watcher: FSWatcher): Promise<number> => once(watcher, "change").then(() => monotonicMs());

/** From a start to the first thing that the program does: directly, and in a host of its own; no scheduler, no database. */
async function startMedians(
  orchestrator: SessionOrchestrator,
  home: string,
): Promise<{ direct: number; hosted: number }> {
  const folder = await mkdtemp(join(home, "direct-"));
  const watcher = watch(folder);
  const direct: number[] = [];
  const hosted: number[] = [];
  for (let sample = 0; sample < SAMPLES / 3; sample++) {
    let startMs = monotonicMs();
    let created = nextChange(watcher);
    spawn("/bin/sh", ["-c", `: > direct-${sample}`], { cwd: folder, stdio: "ignore", detached: true });
    direct.push((await created) - startMs);
    await pause(IDLE_MS);
    startMs = monotonicMs();
    created = nextChange(watcher);
    const end = startSession(orchestrator, { run: `: > hosted-${sample}`, cwd: folder, env: {} });
    hosted.push((await created) - startMs);
    await end;
    await pause(IDLE_MS);
  }
  watcher.close();
  return { direct: median(direct), hosted: median(hosted) };
}

const startSession = (orchestrator: SessionOrchestrator, spec: SessionSpec): Promise<unknown> =>
  new Promise((resolve) => {
    const ids = { executionId: newId(), officeId: newId(), taskId: null, jobId: newId(), jobKey: null };
    const job = { role: "BE", attempt: 1, fencingToken: "1", title: "Bench", prompt: null, timeoutMs: 60_000 };
    orchestrator.start({ ...ids, ...job, spec }, resolve);
  });

/** This process's share of one processor while it has nothing to do. */
async function idleShare(): Promise<number> {
  const before = process.cpuUsage();
  const startMs = monotonicMs();
  await pause(IDLE_SECONDS * 1_000);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000 / (monotonicMs() - startMs);
}

/** KiB of a host, shared pages counted in proportion. */
async function hostMemory(database: Database, running: () => number): Promise<number> {
  const officeId = await createOffice(database, "memory", { maxConcurrentJobs: RUNNING });
  const announcer = new Announcer(database, "another process");
  const sleeping = { run: "exec sleep 600", cwd: "/", env: {} };
  await submit(
    database,
    officeId,
    makeJobs(RUNNING).map((job) => ({ ...job, session: sleeping })),
  );
  announcer.announce([officeId]);
  do await pause(IDLE_MS * 4);
  while (running() < RUNNING);
  await announcer.stop();
  return median(hostPids().map(proportionalSetSize));
}

const hostPids = (): string[] =>
  readdirSync("/proc").filter(
    (pid) => /^\d+$/.test(pid) && parentOf(pid) === process.pid && commandOf(pid).includes("session/host"),
  );

const commandOf = (pid: string): string => readProc(pid, "cmdline");
const parentOf = (pid: string): number => Number(/^PPid:\s+(\d+)$/m.exec(readProc(pid, "status"))?.[1]);
const proportionalSetSize = (pid: string): number =>
  Number(/^Pss:\s+(\d+) kB$/m.exec(readProc(pid, "smaps_rollup"))?.[1]);

function readProc(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    // It has ended since.
    return "";
  }
}
