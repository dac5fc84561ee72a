import type { JobEvent } from "office-contract/events.ts";
import type { History } from "./records.ts";

/** The events of one job, in order. */
export interface JobLog {
  jobId: string;
  officeId: string;
  dependsOn: readonly string[];
  events: JobEvent[];
}

const ENDS: ReadonlySet<string> = new Set(["job_completed", "job_failed", "job_timeout", "job_cancelled"]);

/** What may happen to a job beside its way from state to state. */
const BESIDES: ReadonlySet<string> = new Set(["job_priority_changed", "job_handed_over"]);

export const isStep = ({ type }: JobEvent): boolean => !BESIDES.has(type);
export const isEnd = ({ type }: JobEvent): boolean => ENDS.has(type);

/** All jobs that the event log tells of. */
export function jobLogs({ events }: Pick<History, "events">): Map<string, JobLog> {
  const logs = new Map<string, JobLog>();
  for (const [officeId, list] of events) {
    for (const event of list) {
      const jobId = event.job_id;
      const known = logs.get(jobId) ?? { jobId, officeId, dependsOn: [], events: [] };
      logs.set(jobId, known);
      if (event.type === "job_created") known.dependsOn = (event.details["depends_on"] ?? []) as string[];
      known.events.push(event);
    }
  }
  return logs;
}

/** `#12 job_started of <key> (attempt 2)`, for people. */
export const inWords = ({ seq, type, job_key: key, job_id: id, attempt }: JobEvent): string =>
  `#${seq} ${type} of ${key ?? id}${attempt === null ? "" : ` (attempt ${attempt})`}`;
