import type { JobEvent } from "office-contract/events.ts";
import type { EventType, JobState } from "office-contract/vocabulary.ts";
import type { RunInfo } from "../../src/run/model.ts";

interface JobSketch {
  key: string;
  role?: string;
  title?: string;
  dependsOn?: readonly string[];
  initialState?: JobState;
}

/** A run of some jobs. Their ids are their keys with `id-` before them. */
export const makeRun = (jobs: readonly JobSketch[], rest: Partial<Omit<RunInfo, "jobs">> = {}): RunInfo => ({
  title: "Login feature",
  carryOn: () => "office run plan.yaml --resume",
  officeId: "01990000-0000-7000-8000-000000000001",
  officeName: "website",
  taskId: "01990000-0000-7000-8000-000000000002",
  resumed: false,
  maxConcurrentJobs: 3,
  ...rest,
  jobs: jobs.map(({ key, role = "BE", title = `The ${key}`, dependsOn = [], ...state }) => ({
    id: `id-${key}`,
    key,
    role,
    title,
    dependsOn: dependsOn.map((name) => `id-${name}`),
    ...state,
  })),
});

/** Noon, where the tests run: times of day are printed in local time. */
export const noon = new Date(2026, 0, 15, 12, 0, 0);

/** Makes the events of a run, each `seconds` after noon. */
export const makeEvents = (run: RunInfo) => {
  let seq = 0;
  return (
    seconds: number,
    type: EventType,
    key: string,
    { attempt = null, ...details }: { attempt?: number | null; [name: string]: unknown } = {},
  ): JobEvent => {
    seq += 1;
    const role = run.jobs.find((job) => job.key === key)?.role ?? "default";
    return {
      seq,
      type,
      office_id: run.officeId,
      task_id: run.taskId,
      job_id: `id-${key}`,
      job_key: key,
      role,
      execution_id: attempt === null ? null : `execution-${key}-${attempt}`,
      attempt,
      timestamp: new Date(noon.getTime() + seconds * 1_000).toISOString(),
      details,
    };
  };
};
