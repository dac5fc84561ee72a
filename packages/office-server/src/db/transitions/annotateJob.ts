import type { Queryable } from "../connection.ts";

/** What others note on a job. What is undefined stays as it is. */
export interface JobNote {
  pr_number?: number | null | undefined;
  branch_name?: string | null | undefined;
}

/** Notes the pull request and the branch of a job. Its state is not touched. */
export async function annotateJob(database: Queryable, officeId: string, jobId: string, note: JobNote): Promise<void> {
  await database.query(
    "annotate_job",
    `UPDATE job_queue SET pr_number = CASE WHEN $3 THEN $4::integer ELSE pr_number END,
       branch_name = CASE WHEN $5 THEN $6::text ELSE branch_name END
     WHERE id = $2 AND office_id = $1`,
    [
      officeId,
      jobId,
      note.pr_number !== undefined,
      note.pr_number ?? null,
      note.branch_name !== undefined,
      note.branch_name ?? null,
    ],
  );
}
