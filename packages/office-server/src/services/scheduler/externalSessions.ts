import type { Database, Queryable } from "../../db/connection.ts";
import { lockOffices } from "../../db/transitions/lockOffices.ts";
import { runPass } from "../../db/transitions/runPass.ts";
import { EXTERNAL_COLUMNS, type ExternalExecution, settlementOf } from "../executions/externalExecution.ts";

/**
 * Asks external sessions of an office that are past their deadline to stop (they learn of it with their next heartbeat), and
 * ends those that have been silent for longer than their lease. Returns, for each that it ended, how long its job waits
 * until it may run again, in ms; 0 where it does not.
 */
export const expireExternalSessions = (database: Database, officeId: string, workerId: string): Promise<number[]> =>
  database.transaction(async (transaction) => {
    await lockOffices(transaction, [officeId]);
    const silent = await silentExecutions(transaction, officeId);
    if (silent.length === 0) return [];
    const settlements = silent.map((execution) =>
      settlementOf(execution, { kind: "crashed", message: silence(execution) }),
    );
    const request = { officeIds: [officeId], settlements, workerId, claimsMax: 0, taskId: null };
    const { settled } = await runPass(transaction, request);
    const ended = new Set(settled);
    return settlements.filter(({ executionId }) => ended.has(executionId)).map(({ exit }) => exit.retryDelayMs);
  });

const silentExecutions = (transaction: Queryable, officeId: string): Promise<ExternalExecution[]> =>
  transaction.query<ExternalExecution>(
    "expire_external",
    `SELECT ${EXTERNAL_COLUMNS} FROM expire_external($1) x JOIN job_queue j ON j.id = x.job_id JOIN offices o ON o.id = x.office_id`,
    [officeId],
  );

const silence = ({ lease_ms: leaseMs }: ExternalExecution): string =>
  `the external session was silent for ${leaseMs} ms`;
