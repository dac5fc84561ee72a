import type { Queryable } from "../connection.ts";

/** How many bytes of an execution's output have come so far, what is left out included. */
export async function outputEnd(database: Queryable, executionId: string): Promise<number> {
  const [row] = await database.query<{ end: number }>(
    "output_end",
    `SELECT (start_at + length(data))::float8 AS end FROM job_output WHERE execution_id = $1 ORDER BY start_at DESC LIMIT 1`,
    [executionId],
  );
  return row?.end ?? 0;
}
