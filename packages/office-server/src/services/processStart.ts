import { DatabaseUnusableError } from "../db/acquireDatabase.ts";
import { EmbeddedPostgresError } from "../db/embedded/errors.ts";
import { MigrationError } from "../db/migrate.ts";
import { type Config, ConfigError, readConfig } from "../platform/config.ts";
import type { Logger } from "../platform/log.ts";
import { endWithParent } from "../platform/parentProcess.ts";

/** Exit codes of the service's processes. */
export const DONE = 0;
export const FAILED = 1;
const WRONG_ENVIRONMENT = 2;

/** Raised when a process cannot listen where it is to. Its message says what to change. */
export class ListenError extends Error {
  override name = "ListenError";
}

/** What the operator can put right, and needs no stack trace for. */
const UNDERSTOOD = [ListenError, DatabaseUnusableError, EmbeddedPostgresError, MigrationError, ConfigError];

/** What each process of the service begins with. One whose environment makes no sense ends here, and says why. */
export function beginProcess(): Config {
  endWithParent();
  try {
    return readConfig();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(WRONG_ENVIRONMENT);
  }
}

/** Ends the process when something goes wrong that nobody has caught. Returns what does so. */
export function endOnFailure(log: Logger): (error: unknown) => void {
  const fail = (error: unknown): void => {
    if (error instanceof Error && UNDERSTOOD.some((kind) => error instanceof kind)) log.fatal(error.message);
    else log.fatal({ err: error }, "this process cannot go on");
    process.exit(error instanceof ConfigError ? WRONG_ENVIRONMENT : FAILED);
  };
  process.on("uncaughtException", fail);
  process.on("unhandledRejection", fail);
  return fail;
}

/** Says that the process does its work: to the log, and to who has started it. */
export function sayReady(log: Logger, url: string): void {
  log.info({ url }, "ready");
  process.send?.("ready");
}
