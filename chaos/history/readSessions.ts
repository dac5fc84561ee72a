import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { SessionRecord } from "./records.ts";

/** Reads what fake agents have written: see agent/agent.sh. A last line that was cut off with its writer is left out. */
export const readSessions = (folder: string): SessionRecord[] =>
  readdirSync(folder).flatMap((name) => parseSessions(readFileSync(join(folder, name), "utf8")));

/**
 * The sessions of one execution: none, where its program did not get to write down its start; and one a program, should it
 * have been started more than once.
 */
export function parseSessions(text: string): SessionRecord[] {
  const byProcess = new Map<string, SessionRecord>();
  for (const line of text.split("\n").slice(0, -1)) {
    const [what = "", at, pid = "", ...rest] = line.split(" ");
    const atMs = Number(at);
    if (what === "start") byProcess.set(pid, startOf(atMs, rest));
    const session = byProcess.get(pid);
    if (session === undefined) continue;
    session.aliveMs = Math.max(session.aliveMs, atMs);
    if (what === "term") session.termMs ??= atMs;
    if (what === "exit") session.exited = true;
  }
  return [...byProcess.values()];
}

function startOf(atMs: number, fields: readonly string[]): SessionRecord {
  const [executionId = "", token = "0", attempt, jobId = "", officeId = "", role = ""] = fields;
  return {
    executionId,
    jobId,
    officeId,
    role,
    token: BigInt(token),
    attempt: Number(attempt),
    external: false,
    startMs: atMs,
    aliveMs: atMs,
    termMs: null,
    exited: false,
  };
}
