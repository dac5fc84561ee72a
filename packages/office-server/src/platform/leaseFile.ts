import { closeSync, mkdirSync, openSync, rmSync, statSync, utimesSync } from "node:fs";
import { dirname } from "node:path";

/**
 * A lease that other processes of this machine can see: a file whose time of modification is the moment at which it ends, by
 * the clock of the machine's boot (`bootTimeMs`). Setting a time writes no block, so that a full disk does not end a lease;
 * and whoever reads it sees the old time or the new one, never half of each.
 */
export function writeLease(path: string, untilMs: number): void {
  const until = new Date(untilMs);
  try {
    utimesSync(path, until, until);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    closeSync(openSync(path, "a", 0o600));
    utimesSync(path, until, until);
  }
}

/** When the lease ends, in ms of the boot clock; null: there is none any more. Throws when that cannot be told. */
export const readLease = (path: string): number | null => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? null;

/** Ends a lease at once. */
export const removeLease = (path: string): void => rmSync(path, { force: true });
