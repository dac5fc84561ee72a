import type { Invariant } from "../finding.ts";
import type { SessionRecord } from "../records.ts";

export const oneExecutionPerJob: Invariant = {
  name: "a job has at most one live session, and tokens rise",
  judge({ sessions }, judgement) {
    const byJob = Map.groupBy(sessions, ({ jobId }) => jobId);
    for (const [jobId, ofJob] of byJob) {
      const ordered = ofJob.toSorted((one, other) => one.attempt - other.attempt);
      judgement.judged += 1;
      for (const [index, one] of ordered.entries()) {
        const next = ordered[index + 1];
        if (next === undefined) continue;
        if (next.attempt === one.attempt) {
          judgement.violated(`job ${jobId}: attempt ${one.attempt} was started twice: ${spans(one)}, ${spans(next)}`);
        }
        if (next.token <= one.token) {
          judgement.violated(`job ${jobId}: the token fell from ${one.token} to ${next.token}`);
        }
        if (one.aliveMs > next.startMs) {
          judgement.violated(`job ${jobId} ran twice at the same time: ${spans(one)}, and ${spans(next)}`);
        }
      }
    }
  },
};

const spans = ({ executionId, attempt, startMs, aliveMs }: SessionRecord): string =>
  `execution ${executionId} (attempt ${attempt}) from ${startMs} to ${aliveMs} ms`;
