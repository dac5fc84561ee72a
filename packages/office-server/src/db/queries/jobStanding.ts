import type { JobState } from "office-contract/vocabulary.ts";
import type { Queryable } from "../connection.ts";

export interface JobStanding {
  status: JobState;
  /** Whether it has a session that is not gone yet. */
  live: boolean;
  office_status: string;
  /** What it depends on that ended badly, and would cancel it again; null where nothing would. */
  broken: { name: string; status: JobState } | null;
}

/** How a job stands; null where the office has no such job. */
export async function jobStanding(database: Queryable, officeId: string, jobId: string): Promise<JobStanding | null> {
  const [row] = await database.query<JobStanding>(
    "job_standing",
    `SELECT j.status, EXISTS (
       SELECT 1 FROM job_executions e WHERE e.id = execution_id(j.id, j.attempt::integer) AND e.ended_at IS NULL
     ) AS live, o.status AS office_status, CASE WHEN o.scheduler_config ->> 'onDependencyFailure' = 'cancel' THEN (
       SELECT jsonb_build_object('name', COALESCE(p.key, p.id::text), 'status', p.status)
       FROM job_dependencies d JOIN job_queue p ON p.id = d.depends_on_id
       WHERE d.job_id = j.id AND p.status IN ('failed', 'timeout', 'cancelled') ORDER BY p.created_at, p.id LIMIT 1
     ) END AS broken
     FROM job_queue j JOIN offices o ON o.id = j.office_id WHERE j.id = $2 AND j.office_id = $1`,
    [officeId, jobId],
  );
  return row ?? null;
}
