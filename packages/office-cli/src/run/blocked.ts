import type { BlockedJob } from "office-server/workers/taskWorker.ts";

const BLOCKED_NAMED_MAX = 8;

/** Why the run ends with jobs that have not run: `2 jobs cannot run: test (after build), deploy (after test)`. */
export function describeBlocked(jobs: readonly BlockedJob[]): string {
  const named = jobs.slice(0, BLOCKED_NAMED_MAX).map(({ key, by }) => `${key} (after ${by.join(", ")})`);
  const hidden = jobs.length - named.length;
  const more = hidden > 0 ? ` … and ${hidden} more` : "";
  return `${jobs.length} ${jobs.length === 1 ? "job" : "jobs"} cannot run: ${named.join(", ")}${more}`;
}
