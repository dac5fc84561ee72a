import type { Queryable } from "../connection.ts";

/** Brings the counts of an office's finished jobs up to its event log: see count_jobs.sql. */
export async function countJobs(database: Queryable, officeId: string): Promise<void> {
  for (let isMore = true; isMore; ) {
    const [row] = await database.query<{ more: boolean }>("count_jobs", "SELECT count_jobs($1) AS more", [officeId]);
    isMore = row?.more ?? false;
  }
}
