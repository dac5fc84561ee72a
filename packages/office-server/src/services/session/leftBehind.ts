import { basename } from "node:path";
import { isAlive, type ProcessIdentity } from "../../platform/processIdentity.ts";
import { sendSignal } from "../../platform/processTable.ts";
import { pause } from "../../platform/timers.ts";
import { type ExitRecord, readRecord } from "./host/records.ts";
import { findSessionProcesses, type SessionMembership, SessionProcesses } from "./host/sessionProcesses.ts";

const LOOK_AGAIN_MS = 20;

/** What a session's folder and the system's processes say of a session. */
export type SessionState =
  /** Its host lives: it runs, or its last processes are being ended. */
  | { state: "running"; host: ProcessIdentity }
  /** Its host is dead, but processes of it live. `record` says how its program ended, if it did. */
  | { state: "orphaned"; record: ExitRecord | null }
  /** Nothing of it lives, and this is how it ended. */
  | { state: "exited"; record: ExitRecord }
  /** Nothing of it lives, and nobody knows how it ended. `started`: its program may have run. */
  | { state: "gone"; started: boolean };

/** Finds out what became of a session, whoever started it. The folder's name is its execution's id. */
export function inspectSession(directory: string): SessionState {
  const hostRecord = readRecord(directory, "host");
  if (hostRecord !== null && isAlive(hostRecord.host)) return { state: "running", host: hostRecord.host };
  const record = readRecord(directory, "exit");
  if (findSessionProcesses(membershipOf(directory)).length > 0) return { state: "orphaned", record };
  if (record !== null) return { state: "exited", record };
  return { state: "gone", started: hostRecord !== null && hostRecord.startedAt !== null };
}

/** Ends whatever is left of a session: by its host where that lives, else its processes one by one. */
export async function endSession(directory: string, termGraceMs: number): Promise<void> {
  const host = readRecord(directory, "host")?.host;
  if (host !== undefined && mayBeAlive(host)) {
    sendSignal(host.pid, "SIGTERM");
    // One that somebody has stopped can only hear it once it goes on.
    sendSignal(host.pid, "SIGCONT");
    while (mayBeAlive(host)) await pause(LOOK_AGAIN_MS);
  }
  await new SessionProcesses(membershipOf(directory), termGraceMs).end();
}

/** Kills what runs of a session, without a grace. Its host lives, and reports the end. */
export const killSession = (directory: string): Promise<void> => new SessionProcesses(membershipOf(directory), 0).end();

function mayBeAlive(host: ProcessIdentity): boolean {
  try {
    return isAlive(host);
  } catch {
    return true;
  }
}

const membershipOf = (directory: string): SessionMembership => ({
  executionId: basename(directory),
  leader: readRecord(directory, "host")?.program ?? null,
});
