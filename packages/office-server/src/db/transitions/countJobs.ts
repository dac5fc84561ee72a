import type { Queryable } from "../connection.ts";

/** Brings the counts of an office's finished jobs up to its event log: see count_jobs.sql. */
export async function countJobs(database: Queryable, officeId: string): Promise<void> {
  await database.query("count_jobs", "SELECT count_jobs($1)", [officeId]);
}
