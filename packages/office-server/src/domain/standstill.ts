import { type JobState, isFinal } from "office-contract/vocabulary.ts";

/** A job, the jobs that it depends on, and how far it is. */
export interface JobProgress {
  id: string;
  status: JobState;
  dependsOn: readonly string[];
}

/**
 * The jobs that wait, directly or not, for one that came to a bad end, each with those of its own dependencies that keep
 * it from running. Nothing but an explicit retry moves them.
 */
export function blockedJobs(jobs: readonly JobProgress[]): Map<string, string[]> {
  const waiting = jobs.filter(({ status }) => !isFinal(status));
  const dependents = new Map<string, string[]>();
  for (const { id, dependsOn } of waiting) {
    for (const dependency of dependsOn) {
      const known = dependents.get(dependency);
      if (known === undefined) dependents.set(dependency, [id]);
      else known.push(id);
    }
  }
  const stuck = jobs.filter(({ status }) => isFinal(status) && status !== "done").map(({ id }) => id);
  const causes = new Map<string, string[]>();
  for (const cause of stuck) {
    // `stuck` grows while it is walked through: what waits for a blocked job is blocked as well.
    for (const id of dependents.get(cause) ?? []) {
      const known = causes.get(id);
      if (known !== undefined) known.push(cause);
      else {
        causes.set(id, [cause]);
        stuck.push(id);
      }
    }
  }
  return causes;
}

/** Whether jobs are left, and none of them can run any more. */
export const isStandstill = (jobs: readonly JobProgress[]): boolean => {
  const left = jobs.filter(({ status }) => !isFinal(status));
  if (left.length === 0 || left.some(({ status }) => status !== "pending")) return false;
  const blocked = blockedJobs(jobs);
  return left.every(({ id }) => blocked.has(id));
};
