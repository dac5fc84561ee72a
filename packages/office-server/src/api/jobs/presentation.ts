import type { Job } from "office-contract/api/jobs.ts";
import type { Queryable } from "../../db/connection.ts";
import { type JobRow, jobRow } from "../../db/queries/jobRows.ts";
import { Refusal } from "../../domain/refusal.ts";

/** A row as the API shows it. */
export const presentJob = ({ created_at_text: _place, ...job }: JobRow): Job => job;

/** @throws Refusal where the office has no such job */
export async function showJob(
  database: Queryable,
  { officeId, jobId }: { officeId: string; jobId: string },
): Promise<JobRow> {
  const row = await jobRow(database, officeId, jobId);
  if (row === null) throw new Refusal("not_found", `there is no job ${jobId} in office ${officeId}`);
  return row;
}
