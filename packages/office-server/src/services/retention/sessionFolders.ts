import type { Dirent } from "node:fs";
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Database } from "../../db/connection.ts";
import { runningAmong } from "../../db/queries/runningAmong.ts";
import { wallClock } from "../../platform/clock.ts";
import { isAlive } from "../../platform/processIdentity.ts";
import { readRecord } from "../session/host/records.ts";

const DAY_MS = 24 * 60 * 60_000;
const BATCH = 500;
/** A session's folder is named after its execution. */
const EXECUTION_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export interface SessionFolderOptions {
  database: Database;
  /** Absolute. */
  sessionsDirectory: string;
  /** How long a session's folder is kept after its end; 0: for ever. */
  days: number;
  /** Asked between two folders: whether to leave the rest for another time. */
  stopped?: () => boolean;
}

/** Deletes the folders of sessions of this machine that ended long ago. Returns how many. */
export async function deleteExpiredFolders(options: SessionFolderOptions): Promise<number> {
  const { database, sessionsDirectory, days, stopped = () => false } = options;
  if (days === 0) return 0;
  const beforeMs = wallClock().getTime() - days * DAY_MS;
  const aged = await agedFolders(sessionsDirectory, beforeMs);
  let deleted = 0;
  for (let start = 0; start < aged.length && !stopped(); start += BATCH) {
    const names = aged.slice(start, start + BATCH);
    const running = new Set(await runningAmong(database, names));
    for (const name of names) {
      const directory = join(sessionsDirectory, name);
      if (stopped() || running.has(name) || hostLives(directory)) continue;
      await rm(directory, { recursive: true, force: true });
      deleted += 1;
    }
  }
  return deleted;
}

/** Names of folders in which no file has been made for so long: the last one that is made says how the session ended. */
async function agedFolders(sessionsDirectory: string, beforeMs: number): Promise<string[]> {
  const aged: string[] = [];
  for (const { name } of (await entriesOf(sessionsDirectory)).filter(isSessionFolder)) {
    const { mtimeMs } = await stat(join(sessionsDirectory, name)).catch(() => ({ mtimeMs: Infinity }));
    if (mtimeMs < beforeMs) aged.push(name);
  }
  return aged;
}

const isSessionFolder = (entry: Dirent): boolean => entry.isDirectory() && EXECUTION_ID.test(entry.name);

/** No folder: this machine has not run a session yet. */
const entriesOf = (directory: string): Promise<Dirent[]> =>
  readdir(directory, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });

/** Whether it still runs, for whichever database. */
function hostLives(directory: string): boolean {
  try {
    const host = readRecord(directory, "host")?.host;
    return host !== undefined && isAlive(host);
  } catch {
    return true;
  }
}
