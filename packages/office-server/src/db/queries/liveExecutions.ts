import type { JobSchedulerConfig } from "office-contract/config.ts";
import { PROMPT, type Queryable } from "../connection.ts";
import type { ClaimedJob } from "../transitions/runPass.ts";

/** An execution that is on record as running, and what its end will be judged by. */
export interface LiveExecution
  extends Pick<ClaimedJob, "office_id" | "task_id" | "job_id" | "key" | "timeout_ms" | "retry_count" | "max_retries"> {
  execution_id: string;
  fencing_token: string;
  worker_id: string;
  /**
   * What is known of its worker: whether it was declared lost (or never seen), has left, what it works for, and where its sessions
   * are on its machine.
   */
  worker: { lost: boolean; left: boolean; task_id: string | null; sessions_directory: string | null };
  /** Since its claim, in ms by the database's clock. */
  age_ms: number;
  /** Its session runs elsewhere: no worker has anything to do with it. */
  external: boolean;
  config: JobSchedulerConfig;
}

/** Every execution that holds a slot, over all offices or in one. */
export const liveExecutions = (database: Queryable, officeId: string | null = null): Promise<LiveExecution[]> =>
  database.query<LiveExecution>(
    "live_executions",
    `SELECT e.id AS execution_id, e.fencing_token::text, e.worker_id, e.lease_ms IS NOT NULL AS external, e.office_id, j.task_id, e.job_id, j.key, j.retry_count,
       e.timeout_ms::float8, extract(epoch FROM scheduler_now() - e.started_at)::float8 * 1000 AS age_ms,
       json_build_object('lost', w.id IS NULL OR w.lost_at IS NOT NULL, 'left', w.left_at IS NOT NULL, 'task_id', w.task_id,
         'sessions_directory', w.sessions_directory) AS worker,
       COALESCE(j.max_retries::integer, (o.scheduler_config ->> 'maxRetries')::integer) AS max_retries, o.scheduler_config AS config
     FROM job_executions e JOIN job_queue j ON j.id = e.job_id JOIN offices o ON o.id = e.office_id
     LEFT JOIN scheduler_workers w ON w.id = e.worker_id
     WHERE e.ended_at IS NULL AND ($1::uuid IS NULL OR e.office_id = $1) ORDER BY e.started_at, e.id`,
    [officeId],
    PROMPT,
  );

/** The offices with executions whose workers are lost. */
export const officesWithLosses = async (database: Queryable): Promise<string[]> => {
  const rows = await database.query<{ office_id: string }>(
    "offices_with_losses",
    `SELECT DISTINCT e.office_id FROM job_executions e
     WHERE e.ended_at IS NULL AND e.lease_ms IS NULL
       AND NOT EXISTS (SELECT 1 FROM scheduler_workers w WHERE w.id = e.worker_id AND w.lost_at IS NULL)`,
    [],
    PROMPT,
  );
  return rows.map(({ office_id: id }) => id);
};
