import { cpus } from "node:os";
import type { Database } from "office-server/db/connection.ts";
import { monotonicMs } from "office-server/platform/clock.ts";
import { addFinishedJobs } from "./backlog.ts";
import { bareWritesRate } from "./bareWrites.ts";
import { atLeast, type Figure, median, perSecond } from "./figures.ts";
import { type BenchServer, createLoop, createOffice, InstantRuntime, makeJobs, submit } from "./world.ts";

interface Setting {
  offices: number;
  /** `maxConcurrentJobs` of each office. */
  limit: number;
  jobs: number;
}

const ONE_OFFICE: Setting = { offices: 1, limit: 100, jobs: 20_000 };
const ONE_WIDE_OFFICE: Setting = { offices: 1, limit: 500, jobs: 20_000 };
const MANY_OFFICES: Setting = { offices: 1_000, limit: 3, jobs: 20_000 };
/** The first run warms up this process, and does not count. */
const RUNS = 1 + 5;
const FINISHED_JOBS = 1_000_000;

/**
 * Jobs a second through the whole scheduler, sessions ending at once, limits and events on; beside the rate at which the
 * server takes the same rows when nobody decides anything: from one connection, since an office's passes come one after
 * the other, and from one connection a core, since many offices share all of them. Databases are fresh: empty a second
 * before, never analyzed.
 */
export async function throughput(server: BenchServer): Promise<Figure[]> {
  const full = await server.createDatabase();
  await addFinishedJobs(full, FINISHED_JOBS);
  const measurements = {
    bare: () => onFresh(server, (database) => bareWritesRate(database, ONE_OFFICE.jobs, ONE_OFFICE.limit)),
    bareOnAllCores: () =>
      onFresh(server, (database) => bareWritesRate(database, MANY_OFFICES.jobs, ONE_OFFICE.limit, cpus().length)),
    one: () => onFresh(server, (database) => drainRate(database, ONE_OFFICE)),
    wide: () => onFresh(server, (database) => drainRate(database, ONE_WIDE_OFFICE)),
    many: () => onFresh(server, (database) => drainRate(database, MANY_OFFICES)),
    fullOne: () => drainRate(full, ONE_OFFICE),
    fullMany: () => drainRate(full, MANY_OFFICES),
  };
  const { bare, bareOnAllCores, one, wide, many, fullOne, fullMany } = await mediansOf(measurements);
  await full.close();
  const beside = (rate: number, base: number): string => `${perSecond(rate)} (${(rate / base).toFixed(2)}x)`;
  return [
    { name: "the same rows written by nothing but SQL, one connection", value: perSecond(bare) },
    { name: "the same rows written by nothing but SQL, one connection a core", value: perSecond(bareOnAllCores) },
    { name: "one office, limit 100", value: beside(one, bare), target: atLeast(one, 10_000, "10,000/s") },
    { name: "one office, limit 500", value: beside(wide, one), target: atLeast(wide, one, "with limit 100") },
    { name: "1,000 offices, limit 3", value: beside(many, bareOnAllCores), target: atLeast(many, 20_000, "20,000/s") },
    {
      name: "one office, limit 100, beside 1,000,000 finished jobs",
      value: beside(fullOne, one),
      target: atLeast(fullOne, 0.9 * one, "0.9x"),
    },
    {
      name: "1,000 offices, limit 3, beside 1,000,000 finished jobs",
      value: beside(fullMany, many),
      target: atLeast(fullMany, 0.9 * many, "0.9x"),
    },
  ];
}

async function onFresh(server: BenchServer, measure: (database: Database) => Promise<number>): Promise<number> {
  const database = await server.createDatabase();
  const rate = await measure(database);
  await database.close();
  return rate;
}

/** Measured in turn, so that a busy time of the machine hits all alike. */
async function mediansOf<Name extends string>(
  measurements: Readonly<Record<Name, () => Promise<number>>>,
): Promise<Record<Name, number>> {
  const names = Object.keys(measurements) as Name[];
  const rates = new Map<Name, number[]>(names.map((name) => [name, []]));
  for (let run = 0; run < RUNS; run++) {
    for (const name of names) {
      const rate = await measurements[name]();
      if (run > 0) rates.get(name)?.push(rate);
    }
  }
  return Object.fromEntries(names.map((name) => [name, median(rates.get(name) ?? [])])) as Record<Name, number>;
}

/** From the start of the loop until every job is done and on record. `before` returns what is to be called at the end. */
export async function drainRate(
  database: Database,
  { offices, limit, jobs }: Setting,
  before: (officeIds: readonly string[]) => Promise<() => unknown> = async () => () => {},
): Promise<number> {
  const officeIds: string[] = [];
  for (let index = 0; index < offices; index++) {
    const officeId = await createOffice(database, `drain ${monotonicMs()} ${index}`, { maxConcurrentJobs: limit });
    await submit(database, officeId, makeJobs(jobs / offices));
    officeIds.push(officeId);
  }
  const after = await before(officeIds);
  const runtime = new InstantRuntime();
  const loop = createLoop(database, runtime);
  let started = 0;
  runtime.onStart = () => {
    started += 1;
  };
  const allStarted = new Promise<void>((resolve) => {
    loop.onPass = () => {
      if (started === jobs) resolve();
    };
  });
  const startMs = monotonicMs();
  await loop.start();
  await allStarted;
  await loop.stop("finish");
  const seconds = (monotonicMs() - startMs) / 1_000;
  await after();
  await checkAllDone(database, officeIds, jobs);
  return jobs / seconds;
}

/** A rate of something that did not happen would be worth nothing. */
async function checkAllDone(database: Database, officeIds: readonly string[], jobs: number): Promise<void> {
  const [row] = await database.query<{ done: number; events: number }>(
    "bench_done",
    `SELECT (SELECT count(*)::integer FROM job_queue WHERE office_id = ANY ($1) AND status = 'done') AS done,
       (SELECT count(*)::integer FROM job_events WHERE office_id = ANY ($1) AND type IN ('job_started', 'job_completed')) AS events`,
    [officeIds],
  );
  if (row?.done !== jobs || row.events !== 2 * jobs)
    throw new Error(`expected ${jobs} done jobs, found ${JSON.stringify(row)}`);
}
