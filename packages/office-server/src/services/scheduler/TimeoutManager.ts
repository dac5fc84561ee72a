import { setLongTimer, type Timer } from "../../platform/timers.ts";

/**
 * The scheduler's own watch over deadlines. A session's host enforces its deadline by itself; this asks again from
 * outside, and moves the deadline when it is extended. Delays past 24.8 days are fine.
 */
export class TimeoutManager {
  readonly #timers = new Map<string, Timer>();
  readonly #stopSession: (executionId: string) => void;

  /** `stopSession` must end the session with cause "timeout", and may be called for one that has ended. */
  constructor(stopSession: (executionId: string) => void) {
    this.#stopSession = stopSession;
  }

  /** Watches an execution for `timeoutMs` from now, in place of any earlier deadline. */
  setTimer(executionId: string, timeoutMs: number): void {
    this.#timers.get(executionId)?.cancel();
    this.#timers.set(
      executionId,
      setLongTimer(() => this.handleTimeout(executionId), timeoutMs),
    );
  }

  /** Stops watching; its execution has ended. */
  clearTimer(executionId: string): void {
    this.#timers.get(executionId)?.cancel();
    this.#timers.delete(executionId);
  }

  /** What happens at a deadline: the session is stopped. Its end is reported like any other. */
  handleTimeout(executionId: string): void {
    if (this.#timers.delete(executionId)) this.#stopSession(executionId);
  }

  /** Executions that are being watched. */
  get size(): number {
    return this.#timers.size;
  }
}
