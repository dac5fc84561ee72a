import type { Queryable } from "../connection.ts";

/** Stores the hash of a token that opens an execution. */
export async function insertExecutionToken(database: Queryable, executionId: string, hash: Buffer): Promise<void> {
  await database.query(
    "insert_execution_token",
    "INSERT INTO job_execution_tokens (hash, execution_id) VALUES ($1, $2)",
    [hash, executionId],
  );
}

/** Whether a token with this hash opens the execution. */
export async function hasExecutionToken(database: Queryable, executionId: string, hash: Buffer): Promise<boolean> {
  const rows = await database.query(
    "has_execution_token",
    "SELECT 1 FROM job_execution_tokens WHERE hash = $1 AND execution_id = $2",
    [hash, executionId],
  );
  return rows.length > 0;
}
