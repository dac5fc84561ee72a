import type { Invariant, Judgement } from "../finding.ts";
import { inWords, isStep, jobLogs } from "../jobLog.ts";
import type { Fault, History, SessionRecord } from "../records.ts";

/** A busy machine. */
const SLACK_MS = 5_000;
/** Of a fault that is over, something may have to be found yet: a worker that is gone, an ear that is deaf. */
const AFTERMATH_MS = 20_000;

export const cancelIsFinal: Invariant = {
  name: "cancel is final, and what was cancelled is gone in time",
  judge(history, judgement) {
    const logs = jobLogs(history);
    const sessions = Map.groupBy(history.sessions, ({ jobId }) => jobId);
    for (const call of history.calls) {
      if (!["cancelJob", "cancelAll"].includes(call.name) || call.outcome !== "ok") continue;
      const ids = cancelledBy(call.answer);
      for (const id of ids) {
        const events = logs.get(id)?.events ?? [];
        const cancelled = events.findIndex(({ type }) => type === "job_cancelled");
        judgement.judged += 1;
        if (cancelled < 0) {
          judgement.violated(`job ${id} was acknowledged as cancelled, and the log knows nothing of it`);
          continue;
        }
        const after = events.slice(cancelled + 1);
        const back = after.findIndex(({ details }) => details["explicit"] === true);
        const next = (back < 0 ? after : after.slice(0, back)).find(isStep);
        if (next !== undefined) judgement.violated(`after job ${id} was cancelled came ${inWords(next)}`);
        if (back < 0) judgeProcesses(history, sessions.get(id) ?? [], call.answeredMs ?? Infinity, judgement);
      }
    }
  },
};

const cancelledBy = (answer: unknown): string[] => (answer as { job_ids?: string[] }).job_ids ?? [];

/** Whoever stops a session may have been stopped himself; and a worker that is gone has to be found so first. */
function judgeProcesses(
  { faults, promises }: History,
  sessions: readonly SessionRecord[],
  answeredMs: number,
  judgement: Judgement,
): void {
  for (const { executionId, jobId, aliveMs, termMs } of sessions.filter(({ external }) => !external)) {
    judgement.judged += 1;
    const disturbed = faults.some(({ fromMs, toMs }) => fromMs < aliveMs && toMs > answeredMs - AFTERMATH_MS);
    const stoppedMs = timeWithin(faults, answeredMs, aliveMs);
    const toldMs = answeredMs + SLACK_MS + (disturbed ? promises.leaseMs : 0) + stoppedMs;
    if (aliveMs > toldMs && (termMs ?? Infinity) > toldMs) {
      judgement.violated(
        `job ${jobId} was cancelled at ${answeredMs} ms, and its execution ${executionId} was not told by ${toldMs} ms`,
      );
    } else if (aliveMs > toldMs + promises.termGraceMs) {
      judgement.violated(
        `job ${jobId} was cancelled at ${answeredMs} ms, and its execution ${executionId} lived at ${aliveMs} ms`,
      );
    }
  }
}

/** How long something was broken between two moments. */
function timeWithin(faults: readonly Fault[], fromMs: number, toMs: number): number {
  const parts = faults
    .map((fault) => [Math.max(fault.fromMs, fromMs), Math.min(fault.toMs, toMs)] as const)
    .filter(([from, to]) => from < to)
    .toSorted(([one], [other]) => one - other);
  let total = 0;
  let doneMs = -Infinity;
  for (const [from, to] of parts) {
    total += Math.max(to - Math.max(from, doneMs), 0);
    doneMs = Math.max(doneMs, to);
  }
  return total;
}
