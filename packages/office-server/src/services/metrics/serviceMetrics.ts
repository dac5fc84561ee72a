import { Gauge, type Registry } from "prom-client";
import { JOB_STATES } from "office-contract/vocabulary.ts";
import type { Database } from "../../db/connection.ts";
import { liveWorkers } from "../../db/queries/liveWorkers.ts";
import { eventLags, jobTotals } from "../../db/queries/serviceTotals.ts";
import { monotonicMs } from "../../platform/clock.ts";
import { inTime } from "../../platform/timers.ts";
import { countFinishedJobs } from "../retention/deleteExpired.ts";

const KEPT_MS = 5_000;
/** Whoever asks for the figures of a process gets those of others only when they are there. */
const READ_MS_MAX = 2_000;

/**
 * Adds figures of the whole service, over all its processes and offices, to the API's registry. They are read when they are
 * asked for, every 5 s at most. While the database does not answer they are missing.
 */
export function addServiceMetrics(registry: Registry, database: Database): void {
  addEventLag(registry, database);
  const registers = [registry];
  const readJobs = keep(async () => {
    await countFinishedJobs(database);
    return jobTotals(database);
  });
  const jobs: Gauge<"state"> = new Gauge({
    name: "office_jobs",
    help: "Jobs of all offices, by state.",
    labelNames: ["state"],
    registers,
    async collect() {
      jobs.reset();
      const totals = await readJobs();
      if (totals !== null) for (const state of JOB_STATES) jobs.set({ state }, totals[state]);
    },
  });
  const readWorkers = keep(() => liveWorkers(database));
  const workers: Gauge = new Gauge({
    name: "office_workers",
    help: "Workers that are alive.",
    registers,
    async collect() {
      workers.remove();
      const alive = await readWorkers();
      if (alive !== null) workers.set(alive);
    },
  });
}

/** Adds how far those who follow the event log are behind it, by their kind: the same in every process. */
export function addEventLag(registry: Registry, database: Database): void {
  const read = keep(() => eventLags(database));
  const lags: Gauge<"consumer"> = new Gauge({
    name: "office_event_lag_seconds",
    help: "Age of the oldest event that has not been delivered, by kind of consumer.",
    labelNames: ["consumer"],
    registers: [registry],
    async collect() {
      lags.reset();
      for (const { consumer, seconds } of (await read()) ?? []) lags.set({ consumer }, seconds);
    },
  });
}

/** Keeps what was read for some seconds. Who asks meanwhile gets the same; null: it could not be read. */
function keep<T>(read: () => Promise<T>): () => Promise<T | null> {
  let answer: Promise<T | null> = Promise.resolve(null);
  let askedAtMs = -Infinity;
  return () => {
    if (monotonicMs() >= askedAtMs + KEPT_MS) {
      askedAtMs = monotonicMs();
      answer = inTime(read(), READ_MS_MAX).catch(() => null);
    }
    return answer;
  };
}
