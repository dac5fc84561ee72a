/** The wall clock: for people to read. Decisions about jobs use the database's clock instead. */
export const wallClock = (): Date => new Date();

/** Milliseconds that only ever go forward, whatever happens to the wall clock: for measuring how long things take. */
export const monotonicMs = (): number => performance.now();
