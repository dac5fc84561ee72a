import type { Database } from "../../db/connection.ts";
import { lockOffices } from "../../db/transitions/lockOffices.ts";
import { type PassRequest, type PassResult, runPass } from "../../db/transitions/runPass.ts";
import { lostClaims } from "./lostClaims.ts";

/** Somebody may keep the offices locked: then the next attempt comes after a rest, and others get their turn. */
const LOCK_WAIT_MS_MAX = 1_000;

/**
 * A pass over offices whose last pass has failed, and may have taken effect all the same: its statement may even wait for
 * the lock yet, so that only who holds the lock can tell.
 */
export const passInDoubt = (
  database: Database,
  request: PassRequest,
  isUnheardOf: (executionId: string) => boolean,
): Promise<PassResult> =>
  database.transaction(async (transaction) => {
    await transaction.query("lock_wait", `SET LOCAL lock_timeout = ${LOCK_WAIT_MS_MAX}`);
    const { workerId, officeIds } = request;
    await lockOffices(transaction, officeIds);
    const lost = await lostClaims(transaction, { workerId, officeIds, isUnheardOf });
    return runPass(transaction, { ...request, settlements: [...request.settlements, ...lost] });
  });
