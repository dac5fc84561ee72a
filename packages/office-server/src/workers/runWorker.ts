import { createLogger, type Logger } from "../platform/log.ts";
import { setLongTimer } from "../platform/timers.ts";
import { currentWorkerId } from "../platform/workerId.ts";
import { beginProcess, DONE, endOnFailure, FAILED, sayReady } from "../services/processStart.ts";
import type { Departing } from "./Scheduling.ts";
import { SchedulerWorker } from "./SchedulerWorker.ts";
import { TERM_GRACE_MS } from "./sessions.ts";

/** How each signal has a worker depart. The first signal counts, but that a departure can be made faster. */
const DEPARTURES = {
  SIGTERM: "leave",
  SIGINT: "leave",
  SIGHUP: "leave",
  SIGUSR2: "finish",
  SIGQUIT: "interrupt",
} as const satisfies Partial<Record<NodeJS.Signals, Departing>>;
type DepartureSignal = keyof typeof DEPARTURES;

const SAYS: Readonly<Record<Departing, string>> = {
  finish: "draining: nothing more is started; this worker ends with the last of its sessions",
  leave: "handing over: nothing more is started, and sessions go on for the next worker that starts here",
  interrupt: "stopping: nothing more is started, and running sessions are asked to stop",
};
/** How long each may take, in ms; null: as long as it takes. Sessions get their grace, and their ends a moment more. */
const MS_MAX: Readonly<Record<Departing, number | null>> = {
  finish: null,
  leave: 8_000,
  interrupt: TERM_GRACE_MS + 5_000,
};
const KILL_MS_MAX = 5_000;

/**
 * A worker as a process of its own: starts it, and ends the process when it is told to, or when it cannot go on.
 *
 * SIGTERM, SIGINT and SIGHUP hand over: sessions go on, and the next worker of this machine takes them. SIGUSR2 drains:
 * sessions are awaited. SIGQUIT stops the sessions. The exit code is 0 for all of these. A further signal ends a drain in
 * its way; and a departure that is under way at once (1), which kills sessions that are being stopped. What could not be put
 * on record by then is, by the next worker that starts here.
 */
export function runWorker(): void {
  const config = beginProcess();
  const log = createLogger(config.logLevel, process.stderr, {
    component: "worker",
    worker: currentWorkerId(config.workerName),
  });
  const fail = endOnFailure(log);
  const worker = new SchedulerWorker({ config, log, onDatabaseLost: fail });
  const departure = new Departure(worker, log);
  for (const signal of Object.keys(DEPARTURES) as DepartureSignal[]) process.on(signal, () => departure.hear(signal));
  void worker.start().then((url) => {
    if (!departure.hasBegun) sayReady(log, url);
  }, fail);
}

/** Ends the process, in as good an order as there is time for. */
class Departure {
  readonly #worker: SchedulerWorker;
  readonly #log: Logger;
  #departing: Departing | null = null;
  #hurried = false;

  constructor(worker: SchedulerWorker, log: Logger) {
    this.#worker = worker;
    this.#log = log;
  }

  get hasBegun(): boolean {
    return this.#departing !== null;
  }

  hear(signal: DepartureSignal): void {
    const wanted = DEPARTURES[signal];
    if (this.#departing === null || (this.#departing === "finish" && wanted !== "finish")) this.#begin(wanted, signal);
    else if (wanted === "finish") return;
    else if (this.#departing === "interrupt" && !this.#hurried) void this.#kill(signal);
    else process.exit(FAILED);
  }

  #begin(departing: Departing, signal: NodeJS.Signals): void {
    this.#departing = departing;
    this.#log.info({ signal }, SAYS[departing]);
    const msMax = MS_MAX[departing];
    if (msMax !== null) {
      setLongTimer(() => {
        this.#log.error("not everything came to its end in time; the next worker that starts here puts it on record");
        process.exit(FAILED);
      }, msMax);
    }
    void this.#end(departing);
  }

  async #end(departing: Departing): Promise<void> {
    try {
      await this.#worker.stop(departing);
      this.#log.info("stopped");
      process.exit(this.#hurried ? FAILED : DONE);
    } catch (error) {
      this.#log.error({ err: error }, "could not stop in good order");
      process.exit(FAILED);
    }
  }

  async #kill(signal: NodeJS.Signals): Promise<void> {
    this.#hurried = true;
    this.#log.warn({ signal }, "killing the sessions");
    setLongTimer(() => process.exit(FAILED), KILL_MS_MAX);
    await this.#worker.kill().catch((error: unknown) => {
      this.#log.error({ err: error }, "the sessions could not be killed");
    });
  }
}
