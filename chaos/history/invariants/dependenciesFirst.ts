import type { Invariant } from "../finding.ts";
import { inWords, isEnd, jobLogs } from "../jobLog.ts";

/** By the order of the log, and by what sessions say of themselves. */
export const dependenciesFirst: Invariant = {
  name: "nothing starts before all that it depends on is done",
  judge(history, judgement) {
    const logs = jobLogs(history);
    for (const { dependsOn, events } of logs.values()) {
      for (const start of events.filter(({ type }) => type === "job_started")) {
        for (const dependency of dependsOn) {
          judgement.judged += 1;
          const before = (logs.get(dependency)?.events ?? []).filter(({ seq }) => seq < start.seq);
          const last = before.findLast((event) => isEnd(event) || event.details["explicit"] === true);
          if (last?.type !== "job_completed") {
            judgement.violated(
              `office ${start.office_id}: ${inWords(start)}, but it depends on ${dependency}, whose last word was ${last === undefined ? "none" : inWords(last)}`,
            );
          }
        }
      }
    }
    const lastAlive = new Map<string, number>();
    for (const { jobId, aliveMs, exited } of history.sessions) {
      if (exited) lastAlive.set(jobId, Math.max(lastAlive.get(jobId) ?? 0, aliveMs));
    }
    for (const session of history.sessions) {
      const log = logs.get(session.jobId);
      if (log === undefined || log.events.some(({ details }) => details["explicit"] === true)) continue;
      for (const dependency of log.dependsOn) {
        const wasRetried = logs.get(dependency)?.events.some(({ details }) => details["explicit"] === true) ?? true;
        const endMs = lastAlive.get(dependency);
        if (endMs === undefined || wasRetried) continue;
        judgement.judged += 1;
        if (endMs > session.startMs) {
          judgement.violated(
            `execution ${session.executionId} started at ${session.startMs} ms, and a session of ${dependency}, which it depends on, lived at ${endMs} ms`,
          );
        }
      }
    }
  },
};
