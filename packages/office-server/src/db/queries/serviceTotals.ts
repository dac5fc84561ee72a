import type { JobState } from "office-contract/vocabulary.ts";
import type { Queryable } from "../connection.ts";

/** Jobs of all offices, by state. */
export type JobTotals = Record<JobState, number>;

/** How many jobs there are in each state. What has ended is as of the last count: see count_jobs.sql. */
export async function jobTotals(database: Queryable): Promise<JobTotals> {
  const [row] = await database.query<JobTotals>(
    "job_totals",
    `SELECT GREATEST(c.open - r.n - p.n, 0)::float8 AS pending, r.n::float8 AS ready, p.n::float8 AS processing,
       c.done::float8 AS done, c.failed::float8 AS failed, c.timeout::float8 AS timeout, c.cancelled::float8 AS cancelled
     FROM (
       SELECT COALESCE(sum(total - done - failed - timeout - cancelled), 0) AS open, COALESCE(sum(done), 0) AS done,
         COALESCE(sum(failed), 0) AS failed, COALESCE(sum(timeout), 0) AS timeout, COALESCE(sum(cancelled), 0) AS cancelled
       FROM job_counts
     ) c,
     (SELECT count(*) AS n FROM job_queue WHERE ready_at IS NOT NULL) r,
     (SELECT count(*) AS n FROM job_executions e JOIN job_queue j ON j.id = e.job_id
      WHERE e.ended_at IS NULL AND j.status = 'processing') p`,
  );
  if (row === undefined) throw new Error("job_totals returned no row");
  return row;
}

export interface EventLag {
  /** The kind of those who follow the log: the first word of their ids. */
  consumer: string;
  /** Since the oldest event that one of them has not got; 0: all have all. */
  seconds: number;
}

/** How far those who follow the event log are behind it. One index probe for each place that is kept. */
export const eventLags = (database: Queryable): Promise<EventLag[]> =>
  database.query<EventLag>(
    "event_lags",
    `SELECT split_part(c.id, ' ', 1) AS consumer,
       COALESCE(max(extract(epoch FROM scheduler_now() - next."timestamp")), 0)::float8 AS seconds
     FROM scheduler_consumers c
     LEFT JOIN scheduler_cursors u ON u.consumer_id = c.id
     LEFT JOIN LATERAL (
       SELECT e."timestamp" FROM job_events e WHERE e.office_id = u.office_id AND e.seq > u.seq ORDER BY e.seq LIMIT 1
     ) next ON true
     WHERE c.enabled
     GROUP BY 1`,
  );
