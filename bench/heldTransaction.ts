import { type Settlement, runPass } from "office-server/db/transitions/runPass.ts";
import { completed } from "office-server/domain/lifecycle.ts";
import { monotonicMs } from "office-server/platform/clock.ts";
import { pause } from "office-server/platform/timers.ts";
import pg from "pg";
import { addReadyJobs } from "./backlog.ts";
import { atMost, type Figure, median, percentile } from "./figures.ts";
import { type BenchServer, createOffice } from "./world.ts";

const QUIET_MS = 20_000;
const HELD_MS = 60_000;
const WARM_UP_MS = 3_000;
const JOBS_PER_PASS = 3;
/** Passes a second. The first is more than any office of agents does: 1,800 sessions a minute. */
const RATES = [10, 50, 100] as const;

/**
 * What a claim costs while another program keeps a snapshot open, so that nothing that dies can be cleared away: beside what it
 * costs otherwise, at the same steady rate.
 */
export async function heldTransaction(server: BenchServer): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const rate of RATES) {
    const { quiet, held } = await measure(server, rate);
    const [quietMs, heldMs] = [percentile(quiet, 0.99), percentile(held, 0.99)];
    const what = `claims, ${rate * JOBS_PER_PASS} jobs/s`;
    figures.push(
      { name: `${what}, quiet`, value: inWords(quiet) },
      {
        name: `${what}, a transaction held for 60 s`,
        value: `${inWords(held)} (${(heldMs / quietMs).toFixed(2)}x)`,
        target: atMost(heldMs / quietMs, 2, "2x"),
      },
    );
  }
  return figures;
}

const inWords = (timesMs: readonly number[]): string =>
  `p50 ${median(timesMs).toFixed(2)} ms, p99 ${percentile(timesMs, 0.99).toFixed(2)} ms`;

async function measure(server: BenchServer, rate: number): Promise<{ quiet: number[]; held: number[] }> {
  const database = await server.createDatabase();
  const officeId = await createOffice(database, "office", {});
  await addReadyJobs(database, officeId, (JOBS_PER_PASS * rate * (WARM_UP_MS + QUIET_MS + HELD_MS) * 1.2) / 1_000);
  let settlements: Settlement[] = [];
  const passesFor = async (durationMs: number): Promise<number[]> => {
    const timesMs: number[] = [];
    const untilMs = monotonicMs() + durationMs;
    for (let dueMs = monotonicMs(); dueMs < untilMs; dueMs += 1_000 / rate) {
      await pause(Math.max(dueMs - monotonicMs(), 0));
      const startMs = monotonicMs();
      const limits = { claimsMax: JOBS_PER_PASS, taskId: null };
      const { claimed } = await runPass(database, { officeIds: [officeId], settlements, workerId: "bench", ...limits });
      timesMs.push(monotonicMs() - startMs);
      if (claimed.length === 0) throw new Error("nothing was claimed");
      settlements = claimed.map((job) => ({
        jobId: job.job_id,
        executionId: job.execution_id,
        fencingToken: job.fencing_token,
        officeId,
        exit: completed(null),
        details: {},
      }));
    }
    return timesMs;
  };
  await passesFor(WARM_UP_MS);
  const quiet = await passesFor(QUIET_MS);
  const holder = new pg.Client({ connectionString: database.options.connectionString });
  await holder.connect();
  await holder.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
  await holder.query("SELECT count(*) FROM job_queue");
  const held = await passesFor(HELD_MS);
  await holder.end();
  await database.close();
  return { quiet, held };
}
