import type { JobSchedulerConfig } from "office-contract/config.ts";
import type { Database, Queryable } from "../../db/connection.ts";
import { lockOffices } from "../../db/transitions/lockOffices.ts";
import { runPass, type Settlement } from "../../db/transitions/runPass.ts";
import type { SessionOutcome, StopCause } from "../../domain/outcome.ts";
import { decideExit } from "../../domain/retryPolicy.ts";
import { randomFraction } from "../../platform/random.ts";

interface SilentExecution {
  execution_id: string;
  job_id: string;
  fencing_token: string;
  stop_cause: StopCause | null;
  lease_ms: number;
  retry_count: number;
  max_retries: number;
  config: JobSchedulerConfig;
}

/**
 * Asks external sessions of an office that are past their deadline to stop (they learn of it with their next heartbeat), and
 * ends those that have been silent for longer than their lease. Returns how many it ended.
 */
export const expireExternalSessions = (database: Database, officeId: string, workerId: string): Promise<number> =>
  database.transaction(async (transaction) => {
    await lockOffices(transaction, [officeId]);
    const silent = await silentExecutions(transaction, officeId);
    if (silent.length === 0) return 0;
    const settlements = silent.map((execution) => settlementOf(execution, officeId));
    const request = { officeIds: [officeId], settlements, workerId, claimsMax: 0, taskId: null };
    const { settled } = await runPass(transaction, request);
    return settled.length;
  });

const silentExecutions = (transaction: Queryable, officeId: string): Promise<SilentExecution[]> =>
  transaction.query<SilentExecution>(
    "expire_external",
    `SELECT x.id AS execution_id, x.job_id, x.fencing_token::text, x.stop_cause, x.lease_ms::float8, j.retry_count,
       COALESCE(j.max_retries::integer, (o.scheduler_config ->> 'maxRetries')::integer) AS max_retries, o.scheduler_config AS config
     FROM expire_external($1) x JOIN job_queue j ON j.id = x.job_id JOIN offices o ON o.id = x.office_id`,
    [officeId],
  );

const settlementOf = (execution: SilentExecution, officeId: string): Settlement => ({
  executionId: execution.execution_id,
  jobId: execution.job_id,
  officeId,
  fencingToken: execution.fencing_token,
  exit: decideExit(outcomeOf(execution), {
    retryCount: execution.retry_count,
    maxRetries: execution.max_retries,
    config: execution.config,
    random: randomFraction(),
  }),
  details: {},
});

const outcomeOf = ({ stop_cause: cause, lease_ms: leaseMs }: SilentExecution): SessionOutcome =>
  cause === null
    ? { kind: "crashed", message: `the external session was silent for ${leaseMs} ms` }
    : { kind: "stopped", cause };
