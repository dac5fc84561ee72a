import type { JobState } from "office-contract/vocabulary.ts";
import type { Queryable } from "../connection.ts";

/** The states of a job that has not ended. */
export type OpenState = Extract<JobState, "pending" | "ready" | "processing">;

export const OPEN_STATES: readonly OpenState[] = ["pending", "ready", "processing"];

export const isOpen = (state: JobState): state is OpenState => OPEN_STATES.some((open) => open === state);

/**
 * How all jobs of a state are found, in the office $1, without looking at those that have ended. Some that are found are in
 * another state, or are found twice.
 */
const FOUND_BY: Readonly<Record<OpenState, readonly string[]>> = {
  pending: [
    "SELECT id FROM job_queue WHERE office_id = $1 AND started_at IS NULL AND ready_at IS NULL AND cancelled_at IS NULL",
    "SELECT id FROM job_queue WHERE office_id = $1 AND run_at IS NOT NULL",
    "SELECT id FROM job_queue WHERE office_id = $1 AND NOT admitted",
  ],
  ready: ["SELECT id FROM job_queue WHERE office_id = $1 AND ready_at IS NOT NULL"],
  processing: ["SELECT job_id AS id FROM job_executions WHERE office_id = $1 AND ended_at IS NULL"],
};

/** A query for the ids of all jobs in some states: see FOUND_BY. */
export const idsInStates = (states: readonly OpenState[]): string =>
  states.flatMap((state) => FOUND_BY[state]).join(" UNION ALL ");

/** Null: any. */
export interface OpenJobMatch {
  taskId: string | null;
  role: string | null;
  states: readonly JobState[] | null;
}

/**
 * The ids of an office's jobs that match and have not ended, the oldest first. What is read holds for as long as the office is
 * locked.
 */
export async function openJobs(
  transaction: Queryable,
  officeId: string,
  { taskId, role, states }: OpenJobMatch,
): Promise<string[]> {
  const rows = await transaction.query<{ id: string }>(
    "open_jobs",
    `SELECT j.id FROM (SELECT DISTINCT id FROM (${idsInStates(OPEN_STATES)}) a) f CROSS JOIN LATERAL (
       SELECT q.id, q.created_at, q.status, q.task_id, q.role FROM job_queue q WHERE q.id = f.id LIMIT 1
     ) j
     WHERE j.status = ANY ($4) AND ($2::uuid IS NULL OR j.task_id = $2) AND ($3::text IS NULL OR j.role = $3)
     ORDER BY j.created_at, j.id`,
    [officeId, taskId, role, (states ?? OPEN_STATES).filter(isOpen)],
  );
  return rows.map(({ id }) => id);
}
