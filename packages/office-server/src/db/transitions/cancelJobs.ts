import type { Queryable } from "../connection.ts";

export interface Cancellation {
  /** The jobs that were cancelled, dependents included. */
  cancelled: string[];
  /** The executions whose sessions must be stopped. */
  stopping: string[];
}

/** Cancels jobs and what depends on them: see cancel_jobs.sql. Cancelling again changes nothing. */
export async function cancelJobs(
  database: Queryable,
  officeId: string,
  jobIds: readonly string[],
  message: string,
): Promise<Cancellation> {
  const [row] = await database.query<{ result: Cancellation }>(
    "cancel_jobs",
    "SELECT cancel_jobs($1, $2, $3) AS result",
    [officeId, jobIds, message],
  );
  if (row === undefined) throw new Error("cancel_jobs returned no row");
  return row.result;
}
