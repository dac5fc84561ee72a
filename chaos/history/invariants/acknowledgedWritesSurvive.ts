import type { Invariant } from "../finding.ts";
import { jobLogs } from "../jobLog.ts";
import type { Call } from "../records.ts";

/** What a client was told has happened is in the log at the end, whatever died since. */
export const acknowledgedWritesSurvive: Invariant = {
  name: "what was acknowledged is never lost",
  judge(history, judgement) {
    const logs = jobLogs(history);
    const types = (jobId: string): string[] => (logs.get(jobId)?.events ?? []).map(({ type }) => type);
    const ended = new Map<string, string>();
    for (const list of history.events.values()) {
      for (const { execution_id: id, type } of list) if (id !== null && type !== "job_started") ended.set(id, type);
    }
    const expectations: Readonly<Record<string, (call: Call) => string | null>> = {
      submitJobs: ({ answer, request }) => {
        const { jobs } = answer as { jobs: { id: string }[] };
        const sent = (request["body"] as { jobs: unknown[] }).jobs.length;
        if (jobs.length !== sent) return `${sent} jobs were sent, and ${jobs.length} acknowledged`;
        const missing = jobs.find(({ id }) => !types(id).includes("job_created"));
        return missing === undefined ? null : `job ${missing.id} is not in the log`;
      },
      setPriority: ({ request }) => {
        const log = logs.get(String(request["jobId"]));
        const { priority } = request["body"] as { priority: number };
        const before = log?.events[0]?.details["priority"];
        const changed = log?.events.some(
          ({ type, details }) => type === "job_priority_changed" && details["to"] === priority,
        );
        return changed === true || before === priority ? null : `the log knows of no priority ${priority}`;
      },
      retryJob: ({ request }) =>
        logs.get(String(request["jobId"]))?.events.some(({ details }) => details["explicit"] === true) === true
          ? null
          : "the log knows of no retry",
      completeExecution: ({ request }) =>
        ended.has(String(request["executionId"])) ? null : "the log knows of no end of it",
    };
    for (const call of history.calls) {
      const expectation = expectations[call.name];
      if (call.outcome !== "ok" || expectation === undefined) continue;
      judgement.judged += 1;
      const problem = expectation(call);
      if (problem !== null) {
        judgement.violated(
          `${call.name} ${JSON.stringify(call.request).slice(0, 200)}, acknowledged at ${call.answeredMs} ms: ${problem}`,
        );
      }
    }
  },
};
