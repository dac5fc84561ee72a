import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { SessionRecord } from "./records.ts";

/** Reads what fake agents have written: see agent/agent.sh. A last line that was cut off with its writer is left out. */
export function readSessions(folder: string): SessionRecord[] {
  return readdirSync(folder).flatMap((name) => {
    const session = parseSession(readFileSync(join(folder, name), "utf8"));
    return session === null ? [] : [session];
  });
}

/** Null for a session that did not get to write down its start. */
export function parseSession(text: string): SessionRecord | null {
  const lines = text.split("\n").slice(0, -1);
  let session: SessionRecord | null = null;
  for (const line of lines) {
    const [what, at, ...rest] = line.split(" ");
    const atMs = Number(at);
    if (what === "start") {
      const [executionId = "", token = "0", attempt, jobId = "", officeId = "", role = ""] = rest;
      session = {
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
    if (session === null) continue;
    session.aliveMs = Math.max(session.aliveMs, atMs);
    if (what === "term") session.termMs ??= atMs;
    if (what === "exit") session.exited = true;
  }
  return session;
}
