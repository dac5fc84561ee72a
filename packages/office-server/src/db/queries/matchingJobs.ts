import type { JobState } from "office-contract/vocabulary.ts";
import type { Queryable } from "../connection.ts";

/** Null: any. */
export interface JobMatch {
  taskId: string | null;
  role: string | null;
  states: readonly JobState[] | null;
}

/** The ids of an office's jobs that match and have not ended. What is read holds if the office is locked. */
export async function matchingJobs(
  transaction: Queryable,
  officeId: string,
  { taskId, role, states }: JobMatch,
): Promise<string[]> {
  const rows = await transaction.query<{ id: string }>(
    "matching_jobs",
    `SELECT id FROM job_queue
     WHERE office_id = $1 AND status IN ('pending', 'ready', 'processing')
       AND ($2::uuid IS NULL OR task_id = $2) AND ($3::text IS NULL OR role = $3)
       AND ($4::text[] IS NULL OR status = ANY ($4))
     ORDER BY created_at, id`,
    [officeId, taskId, role, states],
  );
  return rows.map(({ id }) => id);
}
