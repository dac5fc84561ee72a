import type { Database } from "../../db/connection.ts";
import { agedOffices, daysAgo, uncountedOffices } from "../../db/queries/agedOffices.ts";
import { countJobs } from "../../db/transitions/countJobs.ts";
import {
  deleteExpiredEvents,
  deleteExpiredJobs,
  deleteOldAnswers,
  deleteOutputOf,
  findExpiredJobs,
  type JobPlace,
} from "../../db/transitions/deleteExpired.ts";

export interface RetentionOptions {
  /** How long finished jobs and events are kept; 0: for ever. */
  days: number;
  /** Rows of one transaction. Default 250: an office waits for some hundredths of a second. */
  batchRows?: number;
  /** By office, how far earlier looks have got: then only what is younger is looked at. Is brought up to date. */
  places?: Map<string, JobPlace>;
  /** Asked between two batches: whether to leave the rest for another time. */
  stopped?: () => boolean;
}

/** What was deleted. */
export interface Deleted {
  jobs: number;
  events: number;
  answers: number;
}

const BATCH_ROWS = 250;
const ANSWERS_DAYS = 7;
/** Output may be a megabyte or two a session. */
const OUTPUT_JOBS = 20;

/**
 * Deletes what has been kept for long enough, in batches of a transaction each: an office is locked for one batch of its
 * jobs at a time. Ends early when another process is at it.
 */
export async function deleteExpired(database: Database, options: RetentionOptions): Promise<Deleted> {
  const { days, batchRows = BATCH_ROWS, stopped = () => false } = options;
  const deleted: Deleted = { jobs: 0, events: 0, answers: 0 };
  for (let rows = batchRows; rows === batchRows && !stopped(); ) {
    rows = await deleteOldAnswers(database, ANSWERS_DAYS, batchRows);
    deleted.answers += rows;
  }
  if (days === 0) return deleted;
  const before = await daysAgo(database, days);
  for (const office of await agedOffices(database, before)) {
    // Before the office is locked: the first time, it counts every row.
    await countJobs(database, office.id);
    if (office.has_jobs) deleted.jobs += await deleteJobs(database, office.id, before, options);
    if (office.has_events) deleted.events += await deleteEvents(database, office.id, before, options);
  }
  return deleted;
}

/** Brings the counts of finished jobs up to the event log, wherever it has grown, so that nobody has to wait for that. */
export async function countFinishedJobs(database: Database): Promise<void> {
  for (const { id } of await uncountedOffices(database)) await countJobs(database, id);
}

async function deleteJobs(
  database: Database,
  officeId: string,
  before: string,
  { batchRows = BATCH_ROWS, places = new Map(), stopped = () => false }: RetentionOptions,
): Promise<number> {
  let deleted = 0;
  while (!stopped()) {
    const after = places.get(officeId) ?? null;
    const { jobs, last } = await findExpiredJobs(database, officeId, before, { after, limit: batchRows });
    if (last === null) break;
    for (let start = 0; start < jobs.length; start += OUTPUT_JOBS) {
      await deleteOutputOf(database, jobs.slice(start, start + OUTPUT_JOBS));
    }
    const count = jobs.length === 0 ? 0 : await deleteExpiredJobs(database, officeId, before, jobs);
    if (count === null) break;
    deleted += count;
    places.set(officeId, last);
  }
  return deleted;
}

async function deleteEvents(
  database: Database,
  officeId: string,
  before: string,
  { batchRows = BATCH_ROWS, stopped = () => false }: RetentionOptions,
): Promise<number> {
  let deleted = 0;
  while (!stopped()) {
    const count = await deleteExpiredEvents(database, officeId, before, batchRows);
    deleted += count ?? 0;
    if (count === null || count < batchRows) break;
  }
  return deleted;
}
