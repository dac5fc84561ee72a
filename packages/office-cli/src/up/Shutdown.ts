import { setLongTimer, type Timer } from "office-server/platform/timers.ts";
import type { SupervisedProcess } from "./SupervisedProcess.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Sessions get 10 s to end in good order, and a worker some more to put that on record. */
const GRACE_MS = 25_000;
/** A worker that was told twice kills its sessions. */
const LAST_GRACE_MS = 8_000;

/**
 * The end of `office up`, wherever it comes from. First everything is asked to end; the second Ctrl-C makes workers kill
 * their sessions, the third kills whatever is left. Without any, time does the same.
 */
export class Shutdown {
  readonly #say: (text: string) => void;
  readonly #requested = Promise.withResolvers<0 | 1 | 2>();
  #processes: readonly SupervisedProcess[] = [];
  #asked = 0;
  readonly #timers: Timer[] = [];

  constructor(say: (text: string) => void) {
    this.#say = say;
    for (const signal of SIGNALS) process.on(signal, this.#onSignal);
  }

  /** Resolves when `office up` is to end, with its exit code. */
  get requested(): Promise<0 | 1 | 2> {
    return this.#requested.promise;
  }

  get wasRequested(): boolean {
    return this.#asked > 0;
  }

  request(exitCode: 0 | 1 | 2): void {
    this.#asked = Math.max(this.#asked, 1);
    this.#requested.resolve(exitCode);
  }

  /** Ends processes, and resolves when they are gone. */
  async stop(processes: readonly SupervisedProcess[]): Promise<void> {
    this.#processes = processes;
    this.#tellIn("SIGTERM", GRACE_MS);
    this.#tellIn("SIGKILL", GRACE_MS + LAST_GRACE_MS);
    await Promise.all(processes.map((one) => one.stop()));
  }

  forget(): void {
    for (const timer of this.#timers) timer.cancel();
    for (const signal of SIGNALS) process.off(signal, this.#onSignal);
  }

  readonly #onSignal = (): void => {
    this.#asked += 1;
    if (this.#asked === 1) {
      this.#say("stopping; press Ctrl-C again to stop at once");
      this.#requested.resolve(0);
    } else if (this.#asked === 2) {
      this.#say("stopping at once: sessions are killed");
      this.#tell("SIGTERM");
      this.#tellIn("SIGKILL", LAST_GRACE_MS);
    } else this.#tell("SIGKILL");
  };

  #tellIn(signal: NodeJS.Signals, delayMs: number): void {
    this.#timers.push(setLongTimer(() => this.#tell(signal), delayMs));
  }

  #tell(signal: NodeJS.Signals): void {
    for (const one of this.#processes) void one.stop(signal);
  }
}
