import { monotonicMs } from "../../platform/clock.ts";
import { setLongTimer, type Timer } from "../../platform/timers.ts";

/** One timer an office, for the earliest time at which it has something to do. */
export class DueTimers {
  readonly #timers = new Map<string, { atMs: number; timer: Timer }>();
  readonly #onDue: (officeId: string) => void;

  constructor(onDue: (officeId: string) => void) {
    this.#onDue = onDue;
  }

  /** Calls in `delayMs`, or earlier if that was asked for before. */
  set(officeId: string, delayMs: number): void {
    const atMs = monotonicMs() + delayMs;
    const earlier = this.#timers.get(officeId);
    if (earlier !== undefined && earlier.atMs <= atMs) return;
    earlier?.timer.cancel();
    const timer = setLongTimer(() => {
      this.#timers.delete(officeId);
      this.#onDue(officeId);
    }, delayMs);
    this.#timers.set(officeId, { atMs, timer });
  }

  cancelAll(): void {
    for (const { timer } of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }
}
