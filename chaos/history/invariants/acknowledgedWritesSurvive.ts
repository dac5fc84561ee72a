import type { Invariant } from "../finding.ts";
import { isEnd, jobLogs } from "../jobLog.ts";
import type { Call, History } from "../records.ts";

/** What the log says of how each execution ended: of one that has no end of its own, what became of its job. */
function endsOf(history: History): Map<string, string> {
  const ends = new Map<string, string>();
  for (const { events } of jobLogs(history).values()) {
    let running: string | null = null;
    for (const event of events) {
      if (event.type === "job_started") running = event.execution_id;
      else if (isEnd(event) || event.type === "job_retrying") {
        const id = event.execution_id ?? running;
        if (id !== null && !ends.has(id)) ends.set(id, event.type);
        running = null;
      }
    }
  }
  return ends;
}

/** What a client was told has happened is in the log at the end, whatever died since. */
export const acknowledgedWritesSurvive: Invariant = {
  name: "what was acknowledged is never lost",
  judge(history, judgement) {
    const logs = jobLogs(history);
    const types = (jobId: string): string[] => (logs.get(jobId)?.events ?? []).map(({ type }) => type);
    const ends = endsOf(history);
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
      completeExecution: ({ request }) => {
        const end = ends.get(String(request["executionId"]));
        const { success = true } = (request["body"] ?? {}) as { success?: boolean };
        if (end === undefined) return "the log knows of no end of it";
        // Of a job that is cancelled while its session ends by itself, the end is the cancel.
        const said = [...(success ? ["job_completed"] : ["job_failed", "job_retrying"]), "job_cancelled"];
        return said.includes(end) ? null : `by the log it ended with ${end}`;
      },
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
