import { inTime } from "office-server/platform/timers.ts";
import type { TaskWorker } from "office-server/workers/taskWorker.ts";
import type { RunView } from "./run/view.ts";

/** Longer than sessions get from SIGTERM to SIGKILL. */
const LEAVE_MS_MAX = 15_000;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Ctrl-C, a closed terminal, or a kill, from the first moment of a run to its last: what was started is stopped, the
 * database with it. The second one waits no longer for sessions that do not hear, the third one for nothing.
 */
export class Interruption {
  #count = 0;
  readonly #exitCode: number;
  #signal: NodeJS.Signals = "SIGINT";
  #run: { worker: TaskWorker; view: RunView } | null = null;

  get happened(): boolean {
    return this.#count > 0;
  }

  constructor(exitCode: number) {
    this.#exitCode = exitCode;
    for (const signal of SIGNALS) process.on(signal, this.#onSignal);
  }

  /** From now on there is something to cancel. */
  watch(worker: TaskWorker, view: RunView): void {
    this.#run = { worker, view };
    if (this.happened) void this.#cancel();
  }

  /** The run is over; all that is left is to put away what it needed. */
  unwatch(): void {
    this.#run = null;
  }

  forget(): void {
    for (const signal of SIGNALS) process.off(signal, this.#onSignal);
  }

  readonly #onSignal = (signal: NodeJS.Signals): void => {
    this.#count += 1;
    if (this.#count === 1) {
      this.#signal = signal;
      void this.#cancel();
    } else if (this.#count === 2) void this.#kill();
    else {
      // Their hosts end the sessions without us.
      process.stderr.write("office: leaving at once; the database may go on running until the next run ends\n");
      process.exit(this.#exitCode);
    }
  };

  async #kill(): Promise<void> {
    if (this.#run === null) return;
    const { worker, view } = this.#run;
    view.notice("killing the sessions …");
    try {
      await worker.kill();
    } catch (error) {
      view.notice(`the sessions could not be killed: ${(error as Error).message}`);
    }
  }

  async #cancel(): Promise<void> {
    if (this.#run === null) return;
    const { worker, view } = this.#run;
    try {
      view.notice("interrupted: nothing more is started");
      const stopping = await worker.cancel(`interrupted by ${this.#signal}`);
      if (stopping > 0) view.notice(`stopping ${stopping} ${stopping === 1 ? "session" : "sessions"} …`);
    } catch (error) {
      view.notice(`the jobs cannot be cancelled (${(error as Error).message}): their sessions are stopped`);
      await this.#leave(worker);
    }
  }

  /** The database is away. It may be back in a moment; if not, the sessions' hosts know what to do, and the next run the rest. */
  async #leave(worker: TaskWorker): Promise<void> {
    const isOnRecord = await inTime(
      worker.interrupt().then(() => true),
      LEAVE_MS_MAX,
    ).catch(() => false);
    if (isOnRecord === true) return;
    process.stderr.write("office: the database does not answer; the next run puts on record what has ended\n");
    process.exit(this.#exitCode);
  }
}
