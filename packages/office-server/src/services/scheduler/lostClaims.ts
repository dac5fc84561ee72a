import type { Queryable } from "../../db/connection.ts";
import { type LiveExecution, liveExecutions } from "../../db/queries/liveExecutions.ts";
import type { Settlement } from "../../db/transitions/runPass.ts";
import { workerLost } from "../../domain/lifecycle.ts";

export interface ClaimOwner {
  workerId: string;
  officeIds: readonly string[];
  /** Whether nothing of an execution can be running here. */
  isUnheardOf(executionId: string): boolean;
}

/** Executions that a worker's pass claimed, and whose answer never came: nothing of them has started, so their jobs go back. */
export async function lostClaims(transaction: Queryable, owner: ClaimOwner): Promise<Settlement[]> {
  const live: LiveExecution[] = [];
  for (const officeId of owner.officeIds) live.push(...(await liveExecutions(transaction, officeId)));
  return live
    .filter((execution) => execution.worker_id === owner.workerId)
    .filter((execution) => !execution.external && owner.isUnheardOf(execution.execution_id))
    .map((execution) => ({
      executionId: execution.execution_id,
      jobId: execution.job_id,
      officeId: execution.office_id,
      fencingToken: execution.fencing_token,
      exit: workerLost(),
      details: {},
    }));
}
