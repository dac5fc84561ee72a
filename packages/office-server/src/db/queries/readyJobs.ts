import type { Queryable } from "../connection.ts";

/** A job that may start as soon as a slot is free. */
export interface ReadyJobRow {
  id: string;
  key: string | null;
  role: string;
  priority: number;
  created_at: Date;
}

/** An office's ready jobs in the order in which they start. */
export const readyJobs = (database: Queryable, officeId: string, limit: number): Promise<ReadyJobRow[]> =>
  database.query<ReadyJobRow>(
    "ready_jobs",
    `SELECT id, key, role, priority, created_at FROM job_queue
     WHERE office_id = $1 AND ready_at IS NOT NULL AND unmet_count = 0 ORDER BY priority, created_at, id LIMIT $2`,
    [officeId, limit],
  );
