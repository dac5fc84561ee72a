import type { Queryable } from "../connection.ts";

/** Those of some executions that hold a slot. */
export async function runningAmong(database: Queryable, executionIds: readonly string[]): Promise<string[]> {
  const rows = await database.query<{ id: string }>(
    "running_among",
    "SELECT id FROM job_executions WHERE id = ANY ($1) AND ended_at IS NULL",
    [executionIds],
  );
  return rows.map(({ id }) => id);
}
