import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { bootTimeMs } from "office-server/platform/clock.ts";
import { waitUntil } from "office-server/platform/waitUntil.ts";
import { readSessions } from "../chaos/history/readSessions.ts";
import { oneExecutionPerJob } from "../chaos/history/invariants/oneExecutionPerJob.ts";
import { findingOf } from "../chaos/history/finding.ts";
import { Rescues } from "../chaos/nemesis/Rescues.ts";
import { Follower } from "../chaos/workload/Follower.ts";
import { type Member, World } from "../chaos/world/World.ts";
import { atMost, type Figure, percentile } from "./figures.ts";
import type { BenchServer } from "./world.ts";

const KILLS = 12;
const LOSSES = 6;
const SERVER_KILLS = 4;
const AGENT = join(import.meta.dirname, "../chaos/agent/agent.sh");
const SESSIONS_PER_WORKER = 4;
const SESSIONS = 3 * SESSIONS_PER_WORKER;
const PATIENCE = { everyMs: 50, timeoutMs: 120_000 };

/** How long it takes until things are well again, with the leases as they are by default, and nothing else broken. */
export async function rescue(server: BenchServer): Promise<Figure[]> {
  // Else the one that claims first would have them all.
  const environment = { MAX_SESSIONS: String(SESSIONS_PER_WORKER) };
  const world = await World.start({ heartbeatMs: 5_000, fenceMs: 15_000, leaseMs: 20_000 }, environment);
  const end = async (): Promise<void> => {
    await world.stop();
    world.remove();
  };
  return server.withEnding(end, () => measure(world));
}

async function measure(world: World): Promise<Figure[]> {
  const rescues = new Rescues(world);
  const { id: officeId } = await world.client.call("createOffice", { body: { name: randomUUID() } });
  const params = { officeId };
  await world.client.call("patchConfig", { params, body: { maxConcurrentJobs: SESSIONS } });
  const command = [AGENT, "run=8"];
  const env = { CHAOS_RECORDS: world.recordsFolder };
  const jobs = Array.from({ length: 3_000 }, (_, index) => {
    return { key: `job-${index}`, role: "BE", command, env, cwd: world.workFolder };
  });
  await world.client.call("submitJobs", { params, body: { jobs } });
  const follower = new Follower();
  await follower.start(world.client, officeId);

  for (let kill = 0; kill < KILLS; kill++) {
    const member = world.workers[kill % world.workers.length];
    if (member !== undefined) await killWorker(rescues, member);
  }
  const machine = world.workers.at(-1);
  if (machine === undefined) throw new Error("there are no workers");
  for (let loss = 0; loss < LOSSES; loss++) {
    await loseMachine(rescues, machine);
  }
  for (let kill = 0; kill < SERVER_KILLS; kill++) {
    process.kill(world.postmasterPid, "SIGKILL");
    await rescues.watchDatabase(() => nextStart(follower));
  }
  await world.client.call("cancelAll", { params, body: {} });
  await follower.stop();
  await world.stop();
  return figuresOf(rescues, world);
}

async function killWorker(rescues: Rescues, { process: worker }: Member): Promise<void> {
  await worker.ready;
  const pid = worker.pid ?? 0;
  const held = (await waitUntil(async () => nonEmpty(await rescues.heldBy(pid)), PATIENCE)) ?? [];
  const sinceMs = bootTimeMs();
  worker.signal("SIGKILL");
  await rescues.watch(held, pid, sinceMs, rescues.takenOver);
}

async function loseMachine(rescues: Rescues, { process: worker }: Member): Promise<void> {
  await worker.ready;
  const pid = worker.pid ?? 0;
  const held = (await waitUntil(async () => nonEmpty(await rescues.heldBy(pid)), PATIENCE)) ?? [];
  const sinceMs = bootTimeMs();
  await worker.hold("SIGKILL");
  await rescues.watch(held, pid, sinceMs, rescues.rescued);
  worker.start();
}

const nonEmpty = (ids: string[]): string[] | null => (ids.length === 0 ? null : ids);

async function nextStart(follower: Follower): Promise<void> {
  const before = follower.events.length;
  await follower.when(() => follower.events.slice(before).some(({ type }) => type === "job_started"));
}

function figuresOf({ takenOver, rescued, backToWork }: Rescues, world: World): Figure[] {
  const twice = findingOf(oneExecutionPerJob, {
    offices: [],
    sessions: readSessions(world.recordsFolder),
    calls: [],
    faults: [],
    clock: [],
    events: new Map(),
    followed: new Map(),
    promises: { termGraceMs: 0, leaseMs: 0 },
  });
  const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
  const figure = (name: string, timesMs: readonly number[], mostMs: number): Figure => {
    const worstMs = percentile(timesMs, 0.99);
    return {
      name,
      value: `p50 ${seconds(percentile(timesMs, 0.5))}, p99 ${seconds(worstMs)} (${timesMs.length} times)`,
      target: atMost(worstMs, mostMs, seconds(mostMs)),
    };
  };
  return [
    figure("worker killed, to its sessions taken over", takenOver, 10_000),
    figure("worker gone for good, to its jobs free elsewhere", rescued, 25_000),
    figure("PostgreSQL killed: back, to the next start", backToWork, 30_000),
    {
      name: "jobs that ran twice at the same time meanwhile",
      value: `${twice.reasons.length} of ${twice.judged}`,
      target: atMost(twice.reasons.length, 0, "0"),
    },
  ];
}
