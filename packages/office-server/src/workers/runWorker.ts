import { createLogger, type Logger } from "../platform/log.ts";
import { setLongTimer } from "../platform/timers.ts";
import { currentWorkerId } from "../platform/workerId.ts";
import { beginProcess, DONE, endOnFailure, FAILED, sayReady } from "../services/processStart.ts";
import { SchedulerWorker } from "./SchedulerWorker.ts";
import { TERM_GRACE_MS } from "./sessions.ts";

const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;
/** Sessions get their grace, and their ends a moment to be put on record. */
const STOP_MS_MAX = TERM_GRACE_MS + 5_000;
const KILL_MS_MAX = 5_000;

/**
 * A worker as a process of its own: starts it, and ends the process when it is told to, or when it cannot go on.
 *
 * The first signal stops it in good order (exit code 0), the second one kills its sessions (1), the third one waits for
 * nothing (1). What could not be put on record by then is, by the next worker that starts here.
 */
export function runWorker(): void {
  const config = beginProcess();
  const workerId = currentWorkerId(config.workerName);
  const log = createLogger(config.logLevel, process.stderr, { component: "worker", worker: workerId });
  const fail = endOnFailure(log);
  const worker = new SchedulerWorker({ config, log, workerId, onDatabaseLost: fail });
  const departure = new Departure(worker, log);
  for (const signal of SIGNALS) process.on(signal, () => departure.hear(signal));
  void worker.start().then((url) => {
    if (!departure.hasBegun) sayReady(log, url);
  }, fail);
}

/** Ends the process, in as good an order as there is time for. */
class Departure {
  readonly #worker: SchedulerWorker;
  readonly #log: Logger;
  #signals = 0;

  constructor(worker: SchedulerWorker, log: Logger) {
    this.#worker = worker;
    this.#log = log;
  }

  get hasBegun(): boolean {
    return this.#signals > 0;
  }

  hear(signal: NodeJS.Signals): void {
    this.#signals += 1;
    if (this.#signals === 1) void this.#stop(signal);
    else if (this.#signals === 2) void this.#kill(signal);
    else process.exit(FAILED);
  }

  async #stop(signal: NodeJS.Signals): Promise<void> {
    this.#log.info({ signal }, "stopping: nothing more is started, and running sessions are asked to stop");
    setLongTimer(() => {
      this.#log.error("not everything came to its end in time; the next worker that starts here puts it on record");
      process.exit(FAILED);
    }, STOP_MS_MAX);
    try {
      await this.#worker.stop();
      this.#log.info("stopped");
      process.exit(this.#signals === 1 ? DONE : FAILED);
    } catch (error) {
      this.#log.error({ err: error }, "could not stop in good order");
      process.exit(FAILED);
    }
  }

  async #kill(signal: NodeJS.Signals): Promise<void> {
    this.#log.warn({ signal }, "killing the sessions");
    setLongTimer(() => process.exit(FAILED), KILL_MS_MAX);
    await this.#worker.kill().catch((error: unknown) => {
      this.#log.error({ err: error }, "the sessions could not be killed");
    });
  }
}
