import type { Invariant } from "../finding.ts";

const LATE_MS_MAX = 2_000;

/** By the session's own word: when it began, and when it was asked to end. */
export const timeoutsInTime: Invariant = {
  name: "a session that overruns is asked to end within 2 s of its deadline",
  judge({ sessions, events, calls }, judgement) {
    const timeouts = new Map<string, number>();
    for (const list of events.values()) {
      for (const { type, execution_id: id, details } of list) {
        if (type === "job_started" && id !== null) timeouts.set(id, Number(details["timeout_ms"]));
      }
    }
    const moved = new Set(calls.filter(({ name }) => name === "setTimeout").map(({ request }) => request["jobId"]));
    for (const session of sessions) {
      const timeoutMs = timeouts.get(session.executionId);
      if (timeoutMs === undefined || session.external || moved.has(session.jobId)) continue;
      judgement.judged += 1;
      const dueMs = session.startMs + timeoutMs;
      if (session.termMs !== null ? session.termMs <= dueMs + LATE_MS_MAX : session.aliveMs <= dueMs + LATE_MS_MAX)
        continue;
      judgement.violated(
        `execution ${session.executionId} began at ${session.startMs} ms, had ${timeoutMs} ms, and was ${
          session.termMs === null ? `alive at ${session.aliveMs}` : `asked to end at ${session.termMs}`
        } ms`,
      );
    }
  },
};
