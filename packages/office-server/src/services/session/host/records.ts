import { closeSync, constants, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { StopCause } from "../../../domain/outcome.ts";
import type { ProcessIdentity } from "../../../platform/processIdentity.ts";

/**
 * The files of a session's folder, which is named after its execution. Each has one writer.
 *
 * | file           | writer            | says                                                                 |
 * |----------------|-------------------|----------------------------------------------------------------------|
 * | `spec.json`    | worker, once      | what to start                                                        |
 * | `stdin.txt`    | worker, once      | what the program reads; absent: `/dev/null`                          |
 * | `control.json` | worker, any time  | what changed since: stop, or another deadline; SIGHUP tells the host |
 * | `host.json`    | worker, then host | which process is the host, and which the program                     |
 * | `output.log`   | host              | stdout and stderr, see `OutputFile`                                  |
 * | `exit.json`    | host, once        | how the program ended, written as soon as it did                     |
 *
 * The host lives until nothing of the session is left. So whoever finds a folder can tell:
 * host alive: it runs, or is just ending what the program left behind, even if `exit.json` is there;
 * host dead, processes of the session alive: orphaned; its guardian is ending them, if that is not dead as well;
 * neither alive, `exit.json` there: ended, and this is how; not there: ended, and nobody knows how.
 */
export interface SessionRecords {
  spec: StartSpec;
  control: ControlRecord;
  host: HostRecord;
  exit: ExitRecord;
}

/** What a host tells its worker on stdout, a word a line: that it hears signals; that the program is started, or never will be. */
export const SAYS_READY = "ready";
export const SAYS_STARTED = "started";

export const outputPath = (directory: string): string => join(directory, "output.log");
export const stdinPath = (directory: string): string => join(directory, "stdin.txt");

/** How much of an output is kept: all of it up to `headBytes` + 2 * `tailBytes`, then its two ends. */
export interface OutputLimits {
  headBytes: number;
  tailBytes: number;
}

/** For how long a session may go on: as long as a worker of its machine holds the lease of its executions. */
export interface SessionLease {
  /** See platform/leaseFile.ts. */
  path: string;
  /** From SIGTERM to SIGKILL when it is over. */
  graceMs: number;
}

export interface StartSpec {
  executionId: string;
  /** The program and its arguments; a shell line is `/bin/sh -c line`. */
  command: string[];
  cwd: string;
  env: Record<string, string>;
  /** From the program's start to its deadline. */
  timeoutMs: number;
  /** From SIGTERM to SIGKILL. */
  termGraceMs: number;
  output: OutputLimits;
  /** Null: it may go on without any worker. */
  lease: SessionLease | null;
}

export interface ControlRecord {
  stop: StopCause | null;
  /** Replaces the spec's. */
  timeoutMs: number | null;
  /** That of the worker that has taken the session over; replaces the spec's. */
  lease: SessionLease | null;
}

export interface HostRecord {
  host: ProcessIdentity;
  /** ISO 8601; null until the host is about to start the program. As long as it is null, nothing has run. */
  startedAt: string | null;
  /** Leads the session's process group. */
  program: ProcessIdentity | null;
}

export interface ExitRecord {
  exitCode: number | null;
  signal: string | null;
  /** Why we stopped it; null when it ended by itself. */
  stopCause: StopCause | null;
  /** Why the program could not be started. `temporary`: the system's fault, not the job's. */
  startError: { message: string; temporary: boolean } | null;
  startedAt: string;
  endedAt: string;
  durationMs: number;
}

/** A session's record, or null when there is none that is whole. Throws when it cannot be told. */
export function readRecord<K extends keyof SessionRecords>(directory: string, kind: K): SessionRecords[K] | null {
  try {
    return JSON.parse(readFileSync(recordPath(directory, kind), "utf8")) as SessionRecords[K];
  } catch (error) {
    // No JSON: a loss of power may leave a file that is empty.
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** Writes a record so that readers see the old one or the new one, whole. */
export function writeRecord<K extends keyof SessionRecords>(
  directory: string,
  kind: K,
  record: SessionRecords[K],
): void {
  const path = recordPath(directory, kind);
  writeFileSync(`${path}.tmp`, JSON.stringify(record), { mode: 0o600 });
  renameSync(`${path}.tmp`, path);
}

/** Longer than any exit but one with a very long message. */
const RESERVED_BYTES = 4096;

/** Takes the room on the disk that the exit's record will need: a session that fills the disk must not cost us its end. */
export function reserveExitRecord(directory: string): void {
  writeFileSync(`${recordPath(directory, "exit")}.tmp`, " ".repeat(RESERVED_BYTES), { mode: 0o600 });
}

/** Writes the exit's record in its place, durably. Blanks at its end do not matter to JSON. */
export function writeExitRecord(directory: string, record: ExitRecord): void {
  const path = recordPath(directory, "exit");
  // Not truncated first: the room would be given back, and may be taken by others before it is needed.
  const fd = openSync(`${path}.tmp`, constants.O_WRONLY | constants.O_CREAT, 0o600);
  try {
    writeFileSync(fd, JSON.stringify(record).padEnd(RESERVED_BYTES));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(`${path}.tmp`, path);
  syncDirectory(directory);
}

function syncDirectory(directory: string): void {
  const fd = openSync(directory, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

const recordPath = (directory: string, kind: keyof SessionRecords): string => join(directory, `${kind}.json`);
