import type { JobState } from "office-contract/vocabulary.ts";
import type { Queryable } from "../connection.ts";

export interface JobStanding {
  status: JobState;
  /** Whether it has a session that is not gone yet. */
  live: boolean;
}

/** How a job stands; null where the office has no such job. */
export async function jobStanding(database: Queryable, officeId: string, jobId: string): Promise<JobStanding | null> {
  const [row] = await database.query<JobStanding>(
    "job_standing",
    `SELECT j.status, EXISTS (
       SELECT 1 FROM job_executions e WHERE e.id = execution_id(j.id, j.attempt::integer) AND e.ended_at IS NULL
     ) AS live FROM job_queue j WHERE j.id = $2 AND j.office_id = $1`,
    [officeId, jobId],
  );
  return row ?? null;
}
