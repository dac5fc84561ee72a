import { createLogger, type Logger } from "../platform/log.ts";
import { beginProcess, DONE, endOnFailure, FAILED, sayReady } from "../services/processStart.ts";
import { ApiServer } from "./server.ts";

const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

/**
 * An API as a process of its own: starts it, and ends the process when it is told to, or when it cannot go on. The first
 * signal stops it in good order (exit code 0), the second one at once (1).
 */
export function runApi(): void {
  const config = beginProcess();
  const log = createLogger(config.logLevel, process.stderr, { component: "api" });
  const fail = endOnFailure(log);
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
    if (signals === 0) sayReady(log, url);
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
