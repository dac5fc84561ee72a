import type { Queryable } from "../connection.ts";

/** Brings final jobs back, with what their bad end had cancelled if `downstream`: see retry_jobs.sql. */
export async function retryJobs(
  database: Queryable,
  officeId: string,
  jobIds: readonly string[],
  { downstream }: { downstream: boolean },
): Promise<string[]> {
  const [row] = await database.query<{ jobs: string[] }>("retry_jobs", "SELECT retry_jobs($1, $2, $3) AS jobs", [
    officeId,
    jobIds,
    downstream,
  ]);
  return row?.jobs ?? [];
}
