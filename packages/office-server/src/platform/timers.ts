import { monotonicMs } from "./clock.ts";

/** A timer that can be called off. Doing so twice, or after it fired, is harmless. */
export interface Timer {
  cancel(): void;
}

// Node keeps delays in 32 bits: a longer one would fire at once.
const STEP_MS_MAX = 2 ** 31 - 1;

/** Calls back once, after any delay: never early, and also past the 24.8 days at which Node's own timers end. */
export function setLongTimer(callback: () => void, delayMs: number): Timer {
  const dueAtMs = monotonicMs() + delayMs;
  let timeout: NodeJS.Timeout;
  const arm = (remainingMs: number): void => {
    timeout = setTimeout(
      () => {
        const leftMs = dueAtMs - monotonicMs();
        if (leftMs > 0) arm(leftMs);
        else callback();
      },
      Math.min(Math.max(Math.ceil(remainingMs), 0), STEP_MS_MAX),
    );
  };
  arm(delayMs);
  return { cancel: () => clearTimeout(timeout) };
}

/** Resolves after `delayMs`. */
export const pause = (delayMs: number): Promise<void> =>
  new Promise((resolve) => {
    setLongTimer(resolve, delayMs);
  });

/** What a promise resolves with; null when that takes longer than `timeoutMs`. Then nobody waits for it any longer. */
export async function inTime<T>(promise: Promise<T>, timeoutMs: number): Promise<T | null> {
  const { promise: tooLate, resolve } = Promise.withResolvers<null>();
  const timer = setLongTimer(() => resolve(null), timeoutMs);
  try {
    return await Promise.race([promise, tooLate]);
  } finally {
    timer.cancel();
  }
}

/** Calls back in the next turn of the event loop, after what is pending in this one. Never keeps others from their turn. */
export const onNextTurn = (callback: () => void): void => {
  setImmediate(callback);
};
