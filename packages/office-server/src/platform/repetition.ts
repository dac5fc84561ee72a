import { setLongTimer, type Timer } from "./timers.ts";

/** Does something again and again: `everyMs` after the end of one time the next one begins. */
export class Repetition {
  readonly #action: () => Promise<void>;
  readonly #everyMs: number;
  #timer: Timer | null = null;
  #running: Promise<void> = Promise.resolve();
  #stopped = false;

  /** `action` must not reject. */
  constructor(everyMs: number, action: () => Promise<void>) {
    this.#everyMs = everyMs;
    this.#action = action;
  }

  /** The first time is in `everyMs`. */
  start(): void {
    if (this.#stopped) return;
    this.#timer = setLongTimer(() => this.startNow(), this.#everyMs);
  }

  /** The first time is at once. */
  startNow(): void {
    if (this.#stopped) return;
    this.#running = this.#action().then(() => this.start());
  }

  /** Waits for the time that is under way. May be called twice, or before `start`. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#running;
  }
}
