import type { Invariant } from "../finding.ts";
import { inWords, isEnd, isStep, jobLogs } from "../jobLog.ts";

/** The run ends when nothing is broken any more and no office is paused: then nothing has a reason to wait. */
export const everyJobEnds: Invariant = {
  name: "every job that was acknowledged comes to an end",
  judge(history, judgement) {
    const logs = jobLogs(history);
    for (const { name, outcome, answer } of history.calls) {
      if (name !== "submitJobs" || outcome !== "ok") continue;
      for (const { id } of (answer as { jobs: { id: string }[] }).jobs) {
        judgement.judged += 1;
        const last = logs.get(id)?.events.findLast(isStep);
        if (last === undefined) judgement.violated(`job ${id} was acknowledged, and the log does not know it`);
        else if (!isEnd(last)) {
          judgement.violated(`office ${last.office_id}: the last word about job ${id} is ${inWords(last)}`);
        }
      }
    }
  },
};
