import { DatabaseUnusableError } from "../db/acquireDatabase.ts";
import { EmbeddedPostgresError } from "../db/embedded/errors.ts";
import { MigrationError } from "../db/migrate.ts";
import { type Config, ConfigError, readConfig } from "../platform/config.ts";
import { createLogger, type Logger } from "../platform/log.ts";
import { endWithParent } from "../platform/parentProcess.ts";
import { ListenError } from "./httpServer.ts";
import { ApiServer } from "./server.ts";

const DONE = 0;
const FAILED = 1;
const WRONG_ENVIRONMENT = 2;

/** What the operator can put right, and needs no stack trace for. */
const isUnderstood = (error: unknown): error is Error =>
  [ListenError, DatabaseUnusableError, EmbeddedPostgresError, MigrationError, ConfigError].some(
    (kind) => error instanceof kind,
  );

const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

/**
 * An API as a process of its own: starts it, and ends the process when it is told to, or when it cannot go on. The first
 * signal stops it in good order (exit code 0), the second one at once (1).
 */
export function runApi(): void {
  endWithParent();
  const config = readConfigOrExit();
  const log = createLogger(config.logLevel, process.stderr, { component: "api" });
  const fail = (error: unknown): void => {
    if (isUnderstood(error)) log.fatal(error.message);
    else log.fatal({ err: error }, "the API cannot go on");
    process.exit(error instanceof ConfigError ? WRONG_ENVIRONMENT : FAILED);
  };
  process.on("uncaughtException", fail);
  process.on("unhandledRejection", fail);
  const server = new ApiServer({ config, log, onDatabaseLost: fail });
  let signals = 0;
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      signals += 1;
      if (signals === 1) void stop(server, log, signal);
      else process.exit(FAILED);
    });
  }
  void server.start().then((url) => {
    if (signals > 0) return;
    log.info({ url }, "ready");
    process.send?.("ready");
  }, fail);
}

async function stop(server: ApiServer, log: Logger, signal: NodeJS.Signals): Promise<void> {
  log.info({ signal }, "stopping: no more requests are taken");
  try {
    await server.stop();
    log.info("stopped");
    process.exit(DONE);
  } catch (error) {
    log.error({ err: error }, "could not stop in good order");
    process.exit(FAILED);
  }
}

function readConfigOrExit(): Config {
  try {
    return readConfig();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(WRONG_ENVIRONMENT);
  }
}
