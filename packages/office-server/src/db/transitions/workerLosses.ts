import type { Queryable } from "../connection.ts";

/** Counts on their jobs that the workers of some live executions are lost. Returns how often that has happened to each job. */
export async function countWorkerLosses(
  transaction: Queryable,
  executionIds: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const rows = await transaction.query<{ job_id: string; losses: number }>(
    "count_worker_losses",
    "SELECT job_id, losses FROM count_worker_losses($1)",
    [executionIds],
  );
  return new Map(rows.map(({ job_id: jobId, losses }) => [jobId, losses]));
}

/** Gives executions to a worker that has found their sessions running: see take_over.sql. Returns those that it got. */
export async function takeOver(
  transaction: Queryable,
  executions: readonly { execution_id: string; worker_id: string }[],
  workerId: string,
): Promise<ReadonlySet<string>> {
  const rows = await transaction.query<{ id: string }>("take_over", "SELECT id FROM take_over($1, $2, $3) AS t(id)", [
    executions.map(({ execution_id: id }) => id),
    executions.map(({ worker_id: id }) => id),
    workerId,
  ]);
  return new Set(rows.map(({ id }) => id));
}
