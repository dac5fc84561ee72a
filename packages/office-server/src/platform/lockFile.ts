import { linkSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { identityOf, isAlive, type ProcessIdentity } from "./processIdentity.ts";
import { waitUntil } from "./waitUntil.ts";

/** Raised when a lock could not be had in time. */
export class LockTimeoutError extends Error {
  override name = "LockTimeoutError";
}

/**
 * Runs `action` while no other process of this machine runs one under the same lock, and returns what it returns.
 *
 * The lock is the folder `path` (made when missing; its parent must exist) with numbered files. The highest number
 * counts: its file names the process that has the lock, and is empty when nobody has. Who finds it empty, or its
 * process dead, creates the next number, which only one can. No file is ever deleted to break a lock, so two who
 * find the same dead owner cannot both succeed.
 *
 * @throws LockTimeoutError when a living process has had the lock for `timeoutMs`.
 */
export async function withLock<T>(path: string, timeoutMs: number, action: () => Promise<T>): Promise<T> {
  makeFolder(path);
  const file = await waitUntil(() => tryToLock(path), { everyMs: LOOK_AGAIN_MS, timeoutMs });
  if (file === null) throw new LockTimeoutError(describeOwner(path));
  try {
    return await action();
  } finally {
    // The file is gone when somebody deleted the folder; then there is nothing left to release.
    ignoring("ENOENT", () => truncateSync(file, 0));
  }
}

// Looking costs a few system calls. A watch would not do: nothing changes in the folder when an owner dies.
const LOOK_AGAIN_MS = 20;

function tryToLock(path: string): string | null {
  const generation = Math.max(0, ...generationsIn(path));
  return ownerOf(path, generation) === null ? createGeneration(path, generation + 1) : null;
}

/** The living process that has the lock by this generation. */
function ownerOf(path: string, generation: number): ProcessIdentity | null {
  if (generation === 0) return null;
  const text = ignoring("ENOENT", () => readFileSync(fileOf(path, generation), "utf8"));
  if (text === null || text === "") return null;
  const owner = JSON.parse(text) as ProcessIdentity;
  return isAlive(owner) ? owner : null;
}

/** Creates a generation's file, complete from its first moment. Null when somebody else was faster. */
function createGeneration(path: string, generation: number): string | null {
  const file = fileOf(path, generation);
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(identityOf(process.pid)));
  const created = ignoring("EEXIST", () => {
    linkSync(draft, file);
    return file;
  });
  rmSync(draft);
  return created !== null && isNewest(path, generation) ? file : null;
}

/**
 * Whether a generation that we created counts. Not when our look at the folder had been an old one, and others took
 * and left the lock since. What is older is removed either way: it means nothing any more.
 */
function isNewest(path: string, generation: number): boolean {
  const generations = generationsIn(path);
  const newest = Math.max(...generations);
  for (const old of generations.filter((other) => other < newest)) rmSync(fileOf(path, old), { force: true });
  return newest === generation;
}

function describeOwner(path: string): string {
  const owner = ownerOf(path, Math.max(0, ...generationsIn(path)));
  return `Process ${owner?.pid ?? "(unknown)"} has had the lock ${path} for too long. If it hangs, end it and try again.`;
}

const fileOf = (path: string, generation: number): string => join(path, String(generation));

const generationsIn = (path: string): number[] =>
  readdirSync(path)
    .filter((name) => /^\d+$/.test(name))
    .map(Number);

const makeFolder = (path: string): void => {
  ignoring("EEXIST", () => mkdirSync(path));
};

/** The action's result, or null when it fails with `code`. */
function ignoring<T>(code: string, action: () => T): T | null {
  try {
    return action();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === code) return null;
    throw error;
  }
}
