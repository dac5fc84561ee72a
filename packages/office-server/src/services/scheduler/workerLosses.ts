import { type Database, PROMPT } from "../../db/connection.ts";
import { liveExecutions } from "../../db/queries/liveExecutions.ts";
import { lockOffices } from "../../db/transitions/lockOffices.ts";
import { runPass } from "../../db/transitions/runPass.ts";
import { countWorkerLosses } from "../../db/transitions/workerLosses.ts";
import { afterWorkerLoss } from "../../domain/retryPolicy.ts";

export interface LossRequest {
  officeId: string;
  /** Who puts them on record. */
  workerId: string;
  /** A job under which so many workers were lost is not run again by itself. */
  lossesMax: number;
}

/**
 * Puts on record that the executions in an office are lost whose workers were declared lost, or are not known at all: by
 * then their sessions have been stopped by their hosts. Returns how many there were.
 */
export const settleLosses = (database: Database, { officeId, workerId, lossesMax }: LossRequest): Promise<number> =>
  database.transaction(async (transaction) => {
    await lockOffices(transaction, [officeId]);
    const lost = (await liveExecutions(transaction, officeId)).filter(
      ({ external, worker }) => !external && worker.lost,
    );
    if (lost.length === 0) return 0;
    const losses = await countWorkerLosses(
      transaction,
      lost.map(({ execution_id: id }) => id),
    );
    const settlements = lost.map((execution) => ({
      executionId: execution.execution_id,
      jobId: execution.job_id,
      officeId,
      fencingToken: execution.fencing_token,
      exit: afterWorkerLoss(losses.get(execution.job_id) ?? 0, lossesMax),
      details: {},
    }));
    const { settled } = await runPass(transaction, {
      officeIds: [officeId],
      settlements,
      workerId,
      claimsMax: 0,
      taskId: null,
    });
    return settled.length;
  }, PROMPT);
