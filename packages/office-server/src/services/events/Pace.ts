import { monotonicMs } from "../../platform/clock.ts";

/** So much may go out at once before anybody waits. */
const BURST_MS = 250;

/**
 * A budget of bytes over time, for all who write in this process. Whoever has written waits for as long as that takes at the
 * budget's rate, behind those who wrote before.
 */
export class Pace {
  readonly #bytesPerMs: number;
  readonly #now: () => number;
  /** When all that was written will have had its time, in ms. */
  #paidAtMs = 0;

  constructor(bytesPerSecond: number, now: () => number = monotonicMs) {
    this.#bytesPerMs = bytesPerSecond / 1_000;
    this.#now = now;
  }

  /** So many bytes have been written. */
  spend(bytes: number): void {
    this.#paidAtMs = Math.max(this.#paidAtMs, this.#now()) + bytes / this.#bytesPerMs;
  }

  /** How long whoever wrote last is to wait before the next time, in ms. */
  get restMs(): number {
    return Math.max(this.#paidAtMs - this.#now() - BURST_MS, 0);
  }
}
