import { PROMPT, type Queryable } from "../connection.ts";

/** How many bytes of what each execution's session wrote have come to the database, those included that were left out there. */
export async function storedOutput(database: Queryable, executionIds: readonly string[]): Promise<Map<string, number>> {
  const rows = await database.query<{ execution_id: string; bytes: string }>(
    "stored_output",
    `SELECT execution_id, max(start_at + length(data)) AS bytes FROM job_output
     WHERE execution_id = ANY ($1) GROUP BY execution_id`,
    [executionIds],
    PROMPT,
  );
  return new Map(rows.map(({ execution_id: id, bytes }) => [id, Number(bytes)]));
}
