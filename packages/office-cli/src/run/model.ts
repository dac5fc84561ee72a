import type { JobEvent } from "office-contract/events.ts";
import type { OutputSource } from "./sessionOutput.ts";
import { isFinal, JOB_STATES, type JobState } from "office-contract/vocabulary.ts";

/** What is known of a run before anything happens. */
export interface RunInfo {
  title: string;
  officeId: string;
  officeName: string;
  taskId: string;
  resumed: boolean;
  maxConcurrentJobs: number;
  jobs: readonly {
    id: string;
    key: string;
    role: string;
    title: string;
    /** Ids of jobs of this run. */
    dependsOn: readonly string[];
    /** With `resumed`: jobs that are done already. */
    initialState?: JobState;
  }[];
  /** What to type to go on after a bad end. */
  carryOn: (badlyEnded: readonly RunJob[]) => string;
  /** The folder of an execution's session, where it is on this machine: running sessions show their last line. */
  sessionFolder?: (executionId: string) => string;
  /** Where sessions' output is read. Default: on this machine. */
  output?: OutputSource;
}

/** A job as its events so far tell of it. Texts are as they came: they are made printable where they are printed. */
export interface RunJob {
  readonly id: string;
  readonly key: string;
  readonly role: string;
  readonly title: string;
  readonly dependsOn: readonly string[];
  readonly state: JobState;
  /** Counts from 1; 0 before the first start. */
  readonly attempt: number;
  readonly executionId: string | null;
  /** When it came into its state, and when its last attempt began: the database's clock, in ms since 1970. */
  readonly sinceMs: number | null;
  readonly startedAtMs: number | null;
  /** When it may run again, of a job that waits for that. */
  readonly retryAtMs: number | null;
  readonly errorClass: string | null;
  readonly message: string | null;
  /** The dependency whose bad end cancelled it. */
  readonly causedByKey: string | null;
  /** The folder of its last session, once that has ended. */
  readonly output: string | null;
  /** Its session was stopped because the run was; it has not run again since. */
  readonly interrupted: boolean;
}

export interface RunModel {
  readonly info: RunInfo;
  /** In the plan's order, which stays: a job is found by its place. */
  readonly jobs: readonly RunJob[];
  readonly placeOf: ReadonlyMap<string, number>;
  readonly counts: Readonly<Record<JobState, number>>;
}

/** One event, and what it made of its job. */
export interface Change {
  readonly event: JobEvent;
  readonly before: RunJob;
  readonly after: RunJob;
}

/** Whether a change is a job's failing for good. */
export const isFailure = ({ after }: Change): boolean => after.state === "failed" || after.state === "timeout";

const untroubled = { errorClass: null, message: null, causedByKey: null, retryAtMs: null, interrupted: false };

/** The run before its first event. */
export const startModel = (info: RunInfo): RunModel => {
  const counts = Object.fromEntries(JOB_STATES.map((state) => [state, 0])) as Record<JobState, number>;
  const jobs = info.jobs.map(({ id, key, role, title, dependsOn, initialState: state = "pending" }): RunJob => {
    const unstarted = { attempt: 0, executionId: null, sinceMs: null, startedAtMs: null, output: null };
    return { id, key, role, title, dependsOn, state, ...unstarted, ...untroubled };
  });
  for (const { state } of jobs) counts[state] += 1;
  return { info, jobs, placeOf: new Map(jobs.map(({ id }, place) => [id, place])), counts };
};

/** The run after further events, and what each of them changed. Events about other jobs change nothing. */
export const foldEvents = (model: RunModel, events: readonly JobEvent[]): { model: RunModel; changes: Change[] } => {
  const jobs = [...model.jobs];
  const counts = { ...model.counts };
  const changes: Change[] = [];
  for (const event of events) {
    const place = model.placeOf.get(event.job_id) ?? -1;
    const before = jobs[place];
    if (before === undefined) continue;
    const after = advance(before, event);
    jobs[place] = after;
    counts[before.state] -= 1;
    counts[after.state] += 1;
    changes.push({ event, before, after });
  }
  return { model: { ...model, jobs, counts }, changes };
};

const advance = (job: RunJob, event: JobEvent): RunJob => {
  const sinceMs = Date.parse(event.timestamp);
  switch (event.type) {
    case "job_created":
    case "job_priority_changed":
      return job;
    case "job_handed_over":
      return { ...job, role: event.role };
    case "job_ready":
      return { ...job, state: "ready", sinceMs, retryAtMs: null };
    case "job_started": {
      const attempt = event.attempt ?? job.attempt + 1;
      const session = { executionId: event.execution_id, attempt, startedAtMs: sinceMs, output: null };
      return { ...job, ...untroubled, ...session, state: "processing", sinceMs };
    }
    case "job_completed":
      return { ...job, ...untroubled, ...sessionOf(job, event), state: "done", sinceMs };
    case "job_failed":
      return { ...job, ...troubleOf(event), ...sessionOf(job, event), state: "failed", sinceMs };
    case "job_timeout":
      return { ...job, ...troubleOf(event), ...sessionOf(job, event), state: "timeout", sinceMs };
    case "job_cancelled":
      return { ...job, ...troubleOf(event), ...sessionOf(job, event), state: "cancelled", sinceMs };
    case "job_retrying": {
      const retryAtMs = Date.parse(text(event.details.run_at) ?? event.timestamp);
      const interrupted = event.details.reason === "interrupted";
      const trouble = { ...troubleOf(event), retryAtMs, interrupted };
      return { ...job, ...trouble, ...sessionOf(job, event), state: "pending", sinceMs };
    }
  }
};

const sessionOf = (job: RunJob, { attempt, details }: JobEvent) => ({
  attempt: attempt ?? job.attempt,
  output: text(details.output) ?? job.output,
});

const troubleOf = ({ details }: JobEvent) => ({
  ...untroubled,
  errorClass: text(details.error_class),
  message: text(details.message),
  causedByKey: text(details.caused_by_key),
});

const text = (value: unknown): string | null => (typeof value === "string" ? value : null);

/** Jobs that are not at an end yet. */
export const leftCount = ({ counts }: RunModel): number => counts.pending + counts.ready + counts.processing;

/** Whether every job is at an end. */
export const isOver = (model: RunModel): boolean => leftCount(model) === 0;

/** Whether every job ended well. */
export const isAllDone = ({ jobs, counts }: RunModel): boolean => counts.done === jobs.length;

/** What `office run` says to its caller at the end of an uninterrupted run. */
export const exitCodeOf = (model: RunModel): 0 | 1 => (isAllDone(model) ? 0 : 1);

/** What a job waits for: the jobs that it depends on and that are not done. */
export const unmetDependencies = ({ jobs, placeOf }: RunModel, { dependsOn }: RunJob): RunJob[] =>
  dependsOn.flatMap((id) => {
    const job = jobs[placeOf.get(id) ?? -1];
    return job === undefined || job.state === "done" ? [] : [job];
  });

/** The jobs in some states, in the plan's order. */
export const jobsIn = ({ jobs }: RunModel, ...states: readonly JobState[]): RunJob[] =>
  jobs.filter(({ state }) => states.includes(state));

/** The jobs that came to a bad end, in the plan's order. */
export const badlyEnded = ({ jobs }: RunModel): RunJob[] =>
  jobs.filter(({ state }) => isFinal(state) && state !== "done");
