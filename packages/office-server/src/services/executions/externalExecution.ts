import type { JobSchedulerConfig } from "office-contract/config.ts";
import type { ExecutionState, JobState } from "office-contract/vocabulary.ts";
import type { Queryable } from "../../db/connection.ts";
import type { Settlement } from "../../db/transitions/runPass.ts";
import type { SessionOutcome, StopCause } from "../../domain/outcome.ts";
import { decideExit } from "../../domain/retryPolicy.ts";
import { randomFraction } from "../../platform/random.ts";

/** An execution whose session runs elsewhere, and what its end is judged by. */
export interface ExternalExecution {
  execution_id: string;
  job_id: string;
  office_id: string;
  fencing_token: string;
  /** Why it was asked to stop, if it was. */
  stop_cause: StopCause | null;
  lease_ms: number;
  retry_count: number;
  max_retries: number;
  config: JobSchedulerConfig;
}

/** The columns of an ExternalExecution, of an execution `x`, its job `j` and its office `o`. */
export const EXTERNAL_COLUMNS = `x.id AS execution_id, x.job_id, x.office_id, x.fencing_token::text, x.stop_cause,
  x.lease_ms::float8, j.retry_count, COALESCE(j.max_retries::integer, (o.scheduler_config ->> 'maxRetries')::integer) AS max_retries,
  o.scheduler_config AS config`;

/** What is to be recorded of an external execution that ended like this. What was asked for first is what it was. */
export const settlementOf = (execution: ExternalExecution, outcome: SessionOutcome): Settlement => ({
  executionId: execution.execution_id,
  jobId: execution.job_id,
  officeId: execution.office_id,
  fencingToken: execution.fencing_token,
  exit: decideExit(execution.stop_cause === null ? outcome : { kind: "stopped", cause: execution.stop_cause }, {
    retryCount: execution.retry_count,
    maxRetries: execution.max_retries,
    config: execution.config,
    random: randomFraction(),
  }),
  details: {},
});

/** What an execution is, and whose. */
export interface ExecutionFacts {
  office_id: string;
  job_id: string;
  external: boolean;
  live: boolean;
  status: ExecutionState;
}

/** What an execution is and whose; null where there is none. */
export async function executionState(database: Queryable, executionId: string): Promise<ExecutionFacts | null> {
  const [row] = await database.query<ExecutionFacts>(
    "execution_state",
    `SELECT office_id, job_id, lease_ms IS NOT NULL AS external, ended_at IS NULL AS live, status FROM job_executions WHERE id = $1`,
    [executionId],
  );
  return row ?? null;
}

/** A live external execution, held until the end of the transaction; null where it has ended. */
export async function holdExternalExecution(
  transaction: Queryable,
  executionId: string,
): Promise<ExternalExecution | null> {
  const [row] = await transaction.query<ExternalExecution>(
    "hold_external_execution",
    `SELECT ${EXTERNAL_COLUMNS} FROM job_executions x JOIN job_queue j ON j.id = x.job_id JOIN offices o ON o.id = x.office_id
     WHERE x.id = $1 AND x.ended_at IS NULL AND x.lease_ms IS NOT NULL FOR UPDATE OF x`,
    [executionId],
  );
  return row ?? null;
}

export async function jobState(database: Queryable, jobId: string): Promise<JobState | null> {
  const [row] = await database.query<{ status: JobState }>("job_state", "SELECT status FROM job_queue WHERE id = $1", [
    jobId,
  ]);
  return row?.status ?? null;
}
