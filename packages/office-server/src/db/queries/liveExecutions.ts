import type { JobSchedulerConfig } from "office-contract/config.ts";
import type { ClaimedJob } from "../transitions/runPass.ts";
import type { Queryable } from "../connection.ts";

/** An execution that is on record as running, and what its end will be judged by. */
export interface LiveExecution
  extends Pick<ClaimedJob, "office_id" | "task_id" | "job_id" | "key" | "retry_count" | "max_retries"> {
  execution_id: string;
  fencing_token: string;
  worker_id: string;
  /** Its session runs elsewhere: no worker has anything to do with it. */
  external: boolean;
  config: JobSchedulerConfig;
}

/** Every execution that holds a slot, over all offices. */
export const liveExecutions = (database: Queryable): Promise<LiveExecution[]> =>
  database.query<LiveExecution>(
    "live_executions",
    `SELECT e.id AS execution_id, e.fencing_token::text, e.worker_id, e.lease_ms IS NOT NULL AS external, e.office_id, j.task_id, e.job_id, j.key, j.retry_count,
       COALESCE(j.max_retries::integer, (o.scheduler_config ->> 'maxRetries')::integer) AS max_retries, o.scheduler_config AS config
     FROM job_executions e JOIN job_queue j ON j.id = e.job_id JOIN offices o ON o.id = e.office_id
     WHERE e.ended_at IS NULL ORDER BY e.started_at, e.id`,
  );
