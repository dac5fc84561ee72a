import { readlinkSync } from "node:fs";
import type { ApiClient } from "office-contract/api/client.ts";
import type { JobEvent } from "office-contract/events.ts";
import { eventsAfter } from "office-server/db/queries/eventsAfter.ts";
import { bootTimeMs } from "office-server/platform/clock.ts";
import { livingProcesses, wasStartedWith } from "office-server/platform/processTable.ts";
import { Repetition } from "office-server/platform/repetition.ts";
import { inTime, pause } from "office-server/platform/timers.ts";
import { waitUntil } from "office-server/platform/waitUntil.ts";
import { HistoryWriter } from "./history/HistoryWriter.ts";
import { readSessions } from "./history/readSessions.ts";
import type { Call, ClockSample, Fault, History, HistoryRecord } from "./history/records.ts";
import { Nemesis } from "./nemesis/Nemesis.ts";
import { Rescues } from "./nemesis/Rescues.ts";
import { Random } from "./random.ts";
import { ElsewhereAgents } from "./workload/ElsewhereAgents.ts";
import { OfficeLoad } from "./workload/OfficeLoad.ts";
import type { World } from "./world/World.ts";

export interface RunOptions {
  world: World;
  seed: number;
  durationMs: number;
  offices: number;
}

export interface Run {
  history: History;
  nemesis: Nemesis;
  rescues: Rescues;
  /** Processes of sessions that were there when all was over. */
  orphans: number[];
}

const CLOCK_MS = 2_000;
const LOG_LENGTH_MAX = 10_000_000;
/** How long the work that is left may take when nothing is broken any more. */
const FINISH_MS_MAX = 180_000;
const QUIET_MS_MAX = 30_000;
const AGAIN_MS = 100;
const DISMISSED_MS_MAX = 5_000;

/** Lets a world work while a nemesis breaks it, and brings together what everybody has seen. */
export async function run({ world, seed, durationMs, offices }: RunOptions): Promise<Run> {
  const random = new Random(seed);
  const writers: HistoryWriter[] = [];
  const writer = (name: string): HistoryWriter => {
    const one = new HistoryWriter(world.folder, name);
    writers.push(one);
    return one;
  };
  const agentsHistory = writer("agents");
  const clientOf = (token: string): ApiClient => world.clientWith(token);
  const agents = new ElsewhereAgents(world.client, clientOf, agentsHistory, random.branch());
  const folders = { records: world.recordsFolder, work: world.workFolder };
  const loads = Array.from({ length: offices }, (_, index) => {
    return new OfficeLoad({
      api: world.client,
      history: writer(`office-${index}`),
      random: random.branch(),
      agents,
      folders,
    });
  });
  for (const load of loads) await load.start();
  const clock = writer("clock");
  const sampling = new Repetition(CLOCK_MS, () => sampleClock(world, clock));
  sampling.start();

  const rescues = new Rescues(world);
  const whenStarted = async (): Promise<void> => {
    const startsSoFar = loads.map(({ follower }) => follower.events.length);
    const hasStarted = (load: OfficeLoad, index: number): boolean =>
      load.follower.events.slice(startsSoFar[index]).some(({ type }) => type === "job_started");
    await Promise.race(loads.map((load, index) => load.follower.when(() => hasStarted(load, index))));
  };
  const nemesis = new Nemesis({ world, random: random.branch(), rescues, whenStarted }, writer("nemesis"));
  await nemesis.run(durationMs);
  await inTime(Promise.all(loads.map((load) => load.finish())), FINISH_MS_MAX);
  await agents.finish();
  await sampling.stop();
  await untilQuiet(world);
  const events = new Map<string, JobEvent[]>();
  for (const { record, follower } of loads) {
    const log = await eventsAfter(world.database, record.id, 0, LOG_LENGTH_MAX);
    await inTime(
      follower.when(() => follower.events.length >= log.length),
      QUIET_MS_MAX,
    );
    await follower.stop();
    events.set(record.id, log);
  }
  await world.stop();
  const records = writers.flatMap((one) => one.records);
  const history: History = {
    offices: loads.map(({ record }) => record),
    sessions: [...readSessions(world.recordsFolder), ...agents.sessions],
    calls: records.filter(isCall),
    faults: records.filter(isFault),
    clock: records.filter(isClock),
    events,
    followed: new Map(loads.map(({ record, follower }) => [record.id, follower.events])),
    promises: { termGraceMs: 10_000, leaseMs: world.leases.leaseMs },
  };
  return { history, nemesis, rescues, orphans: await orphansOf(world) };
}

const isCall = (record: HistoryRecord): record is Call => record.kind === "call";
const isFault = (record: HistoryRecord): record is Fault => record.kind === "fault";
const isClock = (record: HistoryRecord): record is ClockSample => record.kind === "clock";

async function sampleClock({ database }: World, history: HistoryWriter): Promise<void> {
  const beforeMs = bootTimeMs();
  try {
    const [row] = await database.query<{ now: number }>(
      "now",
      "SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS now",
    );
    if (row !== undefined) history.write({ kind: "clock", beforeMs, databaseMs: row.now, afterMs: bootTimeMs() });
  } catch {
    // It is broken at the moment.
  }
}

/** Resolves when no execution is live any more, or when it takes too long: then the history shows it. */
async function untilQuiet({ database }: World): Promise<void> {
  const untilMs = bootTimeMs() + QUIET_MS_MAX;
  while (bootTimeMs() < untilMs) {
    const [row] = await database.query<{ live: number }>(
      "live",
      "SELECT count(*)::integer AS live FROM job_executions WHERE ended_at IS NULL",
    );
    if (row?.live === 0) return;
    await pause(AGAIN_MS);
  }
}

/** Processes of sessions, hosts and guardians that are there still. */
async function orphansOf({ folder, recordsFolder }: World): Promise<number[]> {
  const left = (): number[] =>
    livingProcesses()
      .filter(({ pid }) => wasStartedWith(pid, `CHAOS_RECORDS=${recordsFolder}`) || worksIn(pid, folder))
      .map(({ pid }) => pid);
  // A guardian is dismissed when all else is gone.
  await waitUntil(() => (left().length === 0 ? true : null), { everyMs: AGAIN_MS, timeoutMs: DISMISSED_MS_MAX });
  return left();
}

function worksIn(pid: number, folder: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/cwd`).startsWith(folder);
  } catch {
    return false;
  }
}
