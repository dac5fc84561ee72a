import type { Database } from "../db/connection.ts";
import type { Config } from "../platform/config.ts";
import type { Logger } from "../platform/log.ts";
import { currentWorkerId } from "../platform/workerId.ts";
import { Recovery, type RecoveryOptions } from "../services/session/recovery.ts";
import { sessionsDirectoryOf, shipRest, TERM_GRACE_MS } from "./sessions.ts";

type Deciding = Pick<RecoveryOptions, "workerId" | "succession" | "isKnown" | "adopt" | "onSettled">;

/** Finds what workers of this machine left behind that died, or handed over. */
export const createRecovery = (database: Database, config: Config, log: Logger, deciding: Deciding): Recovery =>
  new Recovery({
    database,
    log,
    sessionsDirectory: sessionsDirectoryOf(config.officeHome),
    onlyThisMachine: config.databaseUrl === null,
    termGraceMs: TERM_GRACE_MS,
    lossesMax: config.lease.lossesMax,
    beforeSettling: (directories) => shipRest(database, log, directories),
    ...deciding,
  });

/** Puts on record what has ended on this machine while no worker was there to see it. What runs is left alone. */
export async function recordEnds(database: Database, config: Config, log: Logger): Promise<void> {
  await createRecovery(database, config, log, {
    workerId: () => currentWorkerId(config.workerName),
    succession: () => "leave",
    isKnown: () => false,
    adopt: () => {},
    onSettled: () => {},
  }).run();
}
