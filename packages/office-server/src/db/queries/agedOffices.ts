import type { Queryable } from "../connection.ts";

export interface AgedOffice {
  id: string;
  /** It has jobs that were submitted before. */
  has_jobs: boolean;
  /** It has events from before, besides its newest. */
  has_events: boolean;
}

/** The moment that was so many days ago, by the database's clock and as it writes it. */
export async function daysAgo(database: Queryable, days: number): Promise<string> {
  const [row] = await database.query<{ moment: string }>(
    "days_ago",
    "SELECT (scheduler_now() - make_interval(days => $1))::text AS moment",
    [days],
  );
  if (row === undefined) throw new Error("days_ago returned no row");
  return row.moment;
}

/** Offices with anything from before a moment. A few index probes each. */
export const agedOffices = (database: Queryable, before: string): Promise<AgedOffice[]> =>
  database.query<AgedOffice>(
    "aged_offices",
    `SELECT o.id, w.has_jobs, w.has_events FROM offices o CROSS JOIN LATERAL (
       SELECT
         EXISTS (SELECT 1 FROM job_queue j WHERE j.office_id = o.id AND j.created_at < $1) AS has_jobs,
         (SELECT e."timestamp" FROM job_events e WHERE e.office_id = o.id ORDER BY e.seq LIMIT 1) < $1 AND
         (SELECT max(e.seq) > min(e.seq) FROM job_events e WHERE e.office_id = o.id) AS has_events
     ) w
     WHERE w.has_jobs OR w.has_events`,
    [before],
  );

/** Offices whose event log has grown since its jobs were counted. */
export const uncountedOffices = (database: Queryable): Promise<{ id: string }[]> =>
  database.query<{ id: string }>(
    "uncounted_offices",
    `SELECT o.id FROM offices o LEFT JOIN job_counts c ON c.office_id = o.id
     WHERE (SELECT max(e.seq) FROM job_events e WHERE e.office_id = o.id) > COALESCE(c.seq, 0)`,
  );
