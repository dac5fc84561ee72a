/** How a process has fared so far. */
export interface Restarts {
  /** Restarts of which each followed soon after the one before. */
  inARow: number;
}

const DELAY_MS_MIN = 200;
const DELAY_MS_MAX = 30_000;
/** Who was up for so long has recovered. */
const RECOVERED_MS = 60_000;

/** How long to wait before a process that ran for `upMs` is started again: longer from time to time, while it keeps ending. */
export function nextRestart({ inARow }: Restarts, upMs: number): { delayMs: number; restarts: Restarts } {
  const before = upMs >= RECOVERED_MS ? 0 : inARow;
  return { delayMs: Math.min(DELAY_MS_MIN * 2 ** before, DELAY_MS_MAX), restarts: { inARow: before + 1 } };
}
