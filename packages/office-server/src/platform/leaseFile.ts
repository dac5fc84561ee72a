import { closeSync, mkdirSync, openSync, readdirSync, rmSync, statSync, utimesSync } from "node:fs";
import { dirname, join } from "node:path";
import { bootTimeMs } from "./clock.ts";

/** What the names of such files begin with. */
export const LEASE_FILE = ".lease-";
/** Longer than any lease lasts. */
const OLD_MS = 2 * 60 * 60_000;

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

/** Removes what is left in a folder of leases that were over some time ago, or of before the machine was booted. */
export function removeOldLeases(folder: string): void {
  const nowMs = bootTimeMs();
  for (const name of readdirSync(folder).filter((entry) => entry.startsWith(LEASE_FILE))) {
    const untilMs = readLease(join(folder, name)) ?? nowMs;
    if (untilMs < nowMs - OLD_MS || untilMs > nowMs + OLD_MS) removeLease(join(folder, name));
  }
}

/** Ends a lease at once. */
export const removeLease = (path: string): void => rmSync(path, { force: true });
