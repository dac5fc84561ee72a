import { uptime } from "node:os";

/** The wall clock: for people to read. Decisions about jobs use the database's clock instead. */
export const wallClock = (): Date => new Date();

/**
 * Milliseconds since the machine was booted, those included in which it slept: the same for all of its processes, and no
 * change of the wall clock moves it. Its steps are 10 ms.
 */
export const bootTimeMs = (): number => Math.round(uptime() * 1_000);

/** Milliseconds that only ever go forward, whatever happens to the wall clock: for measuring how long things take. */
export const monotonicMs = (): number => performance.now();
