import type { Database } from "office-server/db/connection.ts";
import { monotonicMs } from "office-server/platform/clock.ts";
import { addFinishedJobs } from "./backlog.ts";
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
const RUNS = 5;
const FINISHED_JOBS = 1_000_000;

/** Jobs a second through the whole scheduler, sessions ending at once, limits and events on. */
export async function throughput(server: BenchServer): Promise<Figure[]> {
  const one = await freshRate(server, ONE_OFFICE);
  const wide = await freshRate(server, ONE_WIDE_OFFICE);
  const many = await freshRate(server, MANY_OFFICES);
  const full = await server.createDatabase();
  await addFinishedJobs(full, FINISHED_JOBS);
  const fullOne = await rateOf(() => drainRate(full, ONE_OFFICE));
  const fullMany = await rateOf(() => drainRate(full, MANY_OFFICES));
  await full.close();
  return [
    { name: "one office, limit 100", value: perSecond(one), target: atLeast(one, 10_000, "10,000/s") },
    { name: "one office, limit 500", value: perSecond(wide), target: atLeast(wide, one, "with limit 100") },
    { name: "1,000 offices, limit 3", value: perSecond(many), target: atLeast(many, 20_000, "20,000/s") },
    {
      name: "one office, limit 100, beside 1,000,000 finished jobs",
      value: `${perSecond(fullOne)} (${(fullOne / one).toFixed(2)}x)`,
      target: atLeast(fullOne, 0.9 * one, "0.9x"),
    },
    {
      name: "1,000 offices, limit 3, beside 1,000,000 finished jobs",
      value: `${perSecond(fullMany)} (${(fullMany / many).toFixed(2)}x)`,
      target: atLeast(fullMany, 0.9 * many, "0.9x"),
    },
  ];
}

/** The median over several databases, each of them empty a second before, none of them analyzed. */
const freshRate = (server: BenchServer, setting: Setting): Promise<number> =>
  rateOf(async () => {
    const database = await server.createDatabase();
    const rate = await drainRate(database, setting);
    await database.close();
    return rate;
  });

async function rateOf(measure: () => Promise<number>): Promise<number> {
  const rates: number[] = [];
  for (let run = 0; run < RUNS; run++) rates.push(await measure());
  return median(rates);
}

/** From the start of the loop until every job is done and on record. */
async function drainRate(database: Database, { offices, limit, jobs }: Setting): Promise<number> {
  const officeIds: string[] = [];
  for (let index = 0; index < offices; index++) {
    const officeId = await createOffice(database, `drain ${monotonicMs()} ${index}`, { maxConcurrentJobs: limit });
    await submit(database, officeId, makeJobs(jobs / offices));
    officeIds.push(officeId);
  }
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
