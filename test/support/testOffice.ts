import type { JobEvent } from "office-contract/events.ts";
import type { SessionSpec } from "office-contract/session.ts";
import type { ErrorClass, JobState } from "office-contract/vocabulary.ts";
import type { Database } from "office-server/db/connection.ts";
import { eventsAfter } from "office-server/db/queries/eventsAfter.ts";
import { type Cancellation, cancelJobs } from "office-server/db/transitions/cancelJobs.ts";
import { retryJobs } from "office-server/db/transitions/retryJobs.ts";
import {
  type ClaimedJob,
  type PassRequest,
  type PassResult,
  runPass,
  type Settlement,
} from "office-server/db/transitions/runPass.ts";
import { type NewJob, submitTask } from "office-server/db/transitions/submitTask.ts";
import { completed, type Exit, failed, retrying } from "office-server/domain/lifecycle.ts";
import { newJobId } from "office-server/platform/ids.ts";

/** A job of a test: what is not said is the usual. Dependencies are keys, of this submission or of an earlier one. */
export type JobSpec = Partial<Omit<NewJob, "id" | "key">>;

/** A row of `job_queue`, as far as tests look at it. */
export interface JobRow {
  id: string;
  key: string;
  status: JobState;
  role: string;
  priority: number;
  attempt: number;
  unmet_count: number;
  retry_count: number;
  run_at: Date | null;
  ready_at: Date | null;
  started_at: Date | null;
  completed_at: Date | null;
  cancelled_at: Date | null;
  error_class: string | null;
  error_message: string | null;
  caused_by: string | null;
  result: unknown;
}

export interface ExecutionRow {
  id: string;
  job_id: string;
  attempt: number;
  status: string;
  worker_id: string;
  stop_cause: string | null;
  ended_at: Date | null;
  exit_code: number | null;
  error_class: string | null;
  error_message: string | null;
}

const SESSION: SessionSpec = { run: "true", cwd: "/", env: {} };
const LOG_LENGTH_MAX = 100_000;

/** An office whose jobs are known by their keys, and the doors to its database, without a loop. */
export class TestOffice {
  readonly id: string;
  readonly database: Database;
  readonly #ids = new Map<string, string>();

  constructor(database: Database, id: string) {
    this.database = database;
    this.id = id;
  }

  /** Stores jobs as one task. Returns the task's id. */
  async submit(jobs: Readonly<Record<string, JobSpec>>): Promise<string> {
    for (const key of Object.keys(jobs)) this.#ids.set(key, newJobId());
    const rows: NewJob[] = Object.entries(jobs).map(([key, { depends_on: dependsOn = [], ...spec }]) => ({
      id: this.idOf(key),
      key,
      role: "BE",
      title: `Do ${key}`,
      description: null,
      session: SESSION,
      priority: 0,
      timeout_ms: null,
      max_retries: null,
      depends_on: dependsOn.map((dependency) => this.idOf(dependency)),
      ...spec,
    }));
    const task = { id: newJobId(), officeId: this.id, title: null, planPath: null, jobs: rows };
    await this.database.transaction((transaction) => submitTask(transaction, task));
    return task.id;
  }

  /** Makes a job that another program stored known by a key. */
  adopt(key: string, id: string): void {
    this.#ids.set(key, id);
  }

  idOf(key: string): string {
    const id = this.#ids.get(key);
    if (id === undefined) throw new Error(`there is no job ${key}`);
    return id;
  }

  /** The keys of jobs, sorted. */
  keysOf(ids: readonly string[]): string[] {
    const keys = new Map([...this.#ids].map(([key, id]) => [id, key]));
    return ids.map((id) => keys.get(id) ?? id).toSorted();
  }

  pass(request: Partial<PassRequest> = {}): Promise<PassResult> {
    const usual = { officeIds: [this.id], settlements: [], workerId: "worker", claimsMax: null, taskId: null };
    return runPass(this.database, { ...usual, ...request });
  }

  /** Starts what may start, and returns it by key. */
  async claim(request: Partial<PassRequest> = {}): Promise<Map<string, ClaimedJob>> {
    const { claimed } = await this.pass(request);
    return new Map(claimed.map((job) => [job.key ?? job.job_id, job]));
  }

  /** Starts one job, which must be the only one to start. */
  async claimOne(): Promise<ClaimedJob> {
    const [job, ...others] = (await this.pass()).claimed;
    if (job === undefined || others.length > 0) throw new Error("exactly one job was to start");
    return job;
  }

  /** Puts an end on record, and starts nothing. */
  settle(job: ClaimedJob, exit: Exit, details: Record<string, unknown> = {}): Promise<PassResult> {
    return this.pass({ settlements: [settlementOf(job, exit, details)], claimsMax: 0 });
  }

  finish(job: ClaimedJob): Promise<PassResult> {
    return this.settle(job, completed(null));
  }

  fail(job: ClaimedJob, errorClass: ErrorClass = "INVALID_JOB"): Promise<PassResult> {
    return this.settle(job, failed({ errorClass, errorMessage: "it is broken", exitCode: 1 }));
  }

  retryLater(job: ClaimedJob, delayMs: number): Promise<PassResult> {
    return this.settle(job, retrying({ errorClass: "EXIT_CODE", errorMessage: "exit code 1", exitCode: 1 }, delayMs));
  }

  cancel(...keys: string[]): Promise<Cancellation> {
    return cancelJobs(
      this.database,
      this.id,
      keys.map((key) => this.idOf(key)),
      "not wanted any more",
    );
  }

  /** Returns the keys of the jobs that came back, sorted. */
  async retry(keys: readonly string[], { downstream = true } = {}): Promise<string[]> {
    const ids = keys.map((key) => this.idOf(key));
    return this.keysOf(await retryJobs(this.database, this.id, ids, { downstream }));
  }

  async jobs(): Promise<JobRow[]> {
    const text = "SELECT *, COALESCE(key, id::text) AS key FROM job_queue WHERE office_id = $1 ORDER BY created_at, id";
    return this.database.query<JobRow>("", text, [this.id]);
  }

  async job(key: string): Promise<JobRow> {
    const job = (await this.jobs()).find((row) => row.key === key);
    if (job === undefined) throw new Error(`there is no job ${key}`);
    return job;
  }

  /** The state of each job by key. */
  async states(): Promise<Record<string, JobState>> {
    return Object.fromEntries((await this.jobs()).map(({ key, status }) => [key, status]));
  }

  executions(): Promise<ExecutionRow[]> {
    const text = "SELECT * FROM job_executions WHERE office_id = $1 ORDER BY fencing_token";
    return this.database.query<ExecutionRow>("", text, [this.id]);
  }

  events(after = 0): Promise<JobEvent[]> {
    return eventsAfter(this.database, this.id, after, LOG_LENGTH_MAX);
  }

  /** `type key` of each event. */
  async story(after = 0): Promise<string[]> {
    return (await this.events(after)).map(({ type, job_key: key }) => `${type} ${key}`);
  }
}

export const settlementOf = (job: ClaimedJob, exit: Exit, details: Record<string, unknown> = {}): Settlement => ({
  executionId: job.execution_id,
  jobId: job.job_id,
  officeId: job.office_id,
  fencingToken: job.fencing_token,
  exit,
  details,
});
