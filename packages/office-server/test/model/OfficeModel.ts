import type { JobState } from "office-contract/vocabulary.ts";

export interface ModelJob {
  key: string;
  /** In the order of submission. */
  task: number;
  index: number;
  role: string;
  priority: number;
  dependsOn: readonly string[];
  state: JobState;
  attempt: number;
  retries: number;
  losses: number;
  /** Of a job that waits for a time; null: for none. */
  dueMs: number | null;
  causedBy: string | null;
}

/** An execution that holds a slot. */
export interface ModelExecution {
  key: string;
  attempt: number;
  role: string;
  worker: string;
  /** Its job was cancelled: its session is being stopped. */
  cancelled: boolean;
}

export type ModelEnd =
  | { kind: "completed" | "failed" | "timed out" | "interrupted" }
  | { kind: "retrying"; delayMs: number };

const WAITING: ReadonlySet<JobState> = new Set(["pending", "ready"]);
const BAD_ENDS: ReadonlySet<JobState> = new Set(["failed", "timeout", "cancelled"]);

/** What an office does by the rules of DESIGN.md §2, and nothing of how: no SQL, no locks, no rows. */
export class OfficeModel {
  readonly jobs = new Map<string, ModelJob>();
  executions: ModelExecution[] = [];
  readonly lossesMax: number;
  limit: number;
  roleLimits: Readonly<Record<string, number>>;
  paused = false;
  nowMs = 0;
  #tasks = 0;

  constructor(limit: number, roleLimits: Readonly<Record<string, number>>, lossesMax: number) {
    this.limit = limit;
    this.roleLimits = roleLimits;
    this.lossesMax = lossesMax;
  }

  submit(jobs: readonly Pick<ModelJob, "key" | "role" | "priority" | "dependsOn">[]): void {
    const task = this.#tasks++;
    for (const [index, job] of jobs.entries()) {
      const blank = { attempt: 0, retries: 0, losses: 0, dueMs: null, causedBy: null };
      this.jobs.set(job.key, { ...job, ...blank, task, index, state: "pending" });
    }
    for (const { key } of jobs) this.#activate(key);
    this.#breakOff([...new Set(jobs.flatMap(({ dependsOn }) => dependsOn))]);
  }

  /** The jobs that may start, in the order in which they do. */
  get readyKeys(): string[] {
    return [...this.jobs.values()]
      .filter((job) => job.state === "ready" && this.#areDone(job.dependsOn))
      .toSorted((one, other) => one.priority - other.priority || one.task - other.task || one.index - other.index)
      .map(({ key }) => key);
  }

  /** One pass: what is due becomes ready, and what may start does. Returns the keys of what was started, in order. */
  claim(worker: string, max: number): string[] {
    for (const job of this.jobs.values()) {
      if (job.dueMs !== null && job.dueMs <= this.nowMs) this.#activate(job.key);
    }
    if (this.paused) return [];
    const started: string[] = [];
    for (const key of this.readyKeys) {
      const job = this.job(key);
      const ofRole = this.executions.filter(({ role }) => role === job.role).length;
      if (this.executions.length >= this.limit || started.length >= max) break;
      if (ofRole >= (this.roleLimits[job.role] ?? Infinity)) continue;
      job.state = "processing";
      job.attempt += 1;
      this.executions.push({ key, attempt: job.attempt, role: job.role, worker, cancelled: false });
      started.push(key);
    }
    return started;
  }

  /** A report about an execution. One that is over changes nothing: then false. */
  finish(key: string, attempt: number, end: ModelEnd): boolean {
    const execution = this.executions.find((one) => one.key === key && one.attempt === attempt);
    if (execution === undefined) return false;
    this.executions = this.executions.filter((one) => one !== execution);
    if (!execution.cancelled) this.#end(this.job(key), end);
    return true;
  }

  /** Returns what was cancelled, dependents included, sorted. */
  cancel(key: string): string[] {
    const job = this.job(key);
    if (!WAITING.has(job.state) && job.state !== "processing") return [];
    for (const execution of this.executions) if (execution.key === key) execution.cancelled = true;
    Object.assign(job, { state: "cancelled", dueMs: null, causedBy: null });
    return [key, ...this.#breakOff([key])].toSorted();
  }

  /** Returns what came back, sorted. */
  retry(key: string, downstream: boolean): string[] {
    if (!this.#isFinal(this.job(key))) return [];
    const wanted = [key];
    for (const next of wanted) {
      if (!downstream) break;
      for (const { key: other, state, causedBy } of this.jobs.values()) {
        if (state === "cancelled" && causedBy === next && !wanted.includes(other)) wanted.push(other);
      }
    }
    // What is still being stopped has to be gone first.
    const back = wanted.filter((one) => !this.executions.some((execution) => execution.key === one));
    for (const one of back) {
      Object.assign(this.job(one), { state: "pending", retries: 0, losses: 0, dueMs: null, causedBy: null });
    }
    for (const one of back) this.#activate(one);
    this.#breakOff([...new Set(back.flatMap((one) => this.job(one).dependsOn))]);
    return back.toSorted();
  }

  prioritise(key: string, priority: number): void {
    const job = this.job(key);
    if (WAITING.has(job.state)) job.priority = priority;
  }

  /** A worker is lost, and with it what it ran. */
  loseWorker(worker: string): void {
    for (const { key, attempt, cancelled } of this.executions.filter((one) => one.worker === worker)) {
      const job = this.job(key);
      if (!cancelled) job.losses += 1;
      this.finish(key, attempt, { kind: job.losses < this.lossesMax ? "interrupted" : "failed" });
    }
  }

  job(key: string): ModelJob {
    const job = this.jobs.get(key);
    if (job === undefined) throw new Error(`the model has no job ${key}`);
    return job;
  }

  #end(job: ModelJob, end: ModelEnd): void {
    switch (end.kind) {
      case "completed":
        job.state = "done";
        for (const other of this.jobs.values()) if (other.dependsOn.includes(job.key)) this.#activate(other.key);
        break;
      case "failed":
      case "timed out":
        job.state = end.kind === "failed" ? "failed" : "timeout";
        this.#breakOff([job.key]);
        break;
      case "interrupted":
      case "retrying":
        job.state = "pending";
        job.dueMs = this.nowMs + (end.kind === "retrying" ? end.delayMs : 0);
        if (end.kind === "retrying") job.retries += 1;
        // What it depends on may have been done anew meanwhile, and ended badly.
        this.#breakOff(job.dependsOn);
        if (job.state === "pending") this.#activate(job.key);
    }
  }

  #isFinal({ state }: ModelJob): boolean {
    return !WAITING.has(state) && state !== "processing";
  }

  #areDone(keys: readonly string[]): boolean {
    return keys.every((key) => this.job(key).state === "done");
  }

  #activate(key: string): void {
    const job = this.job(key);
    const isDue = job.dueMs === null || job.dueMs <= this.nowMs;
    if (job.state !== "pending" || !isDue || !this.#areDone(job.dependsOn)) return;
    Object.assign(job, { state: "ready", dueMs: null });
  }

  /**
   * Cancels what waits for jobs that have ended badly, directly or not; each for the oldest of what it depends on that did so.
   * Returns what was cancelled.
   */
  #breakOff(keys: readonly string[]): string[] {
    const broken = keys.filter((key) => BAD_ENDS.has(this.job(key).state));
    const causes = new Map<string, string[]>();
    for (const cause of broken) {
      for (const job of this.jobs.values()) {
        if (!WAITING.has(job.state) || !job.dependsOn.includes(cause)) continue;
        const known = causes.get(job.key);
        if (known === undefined) broken.push(job.key);
        causes.set(job.key, [...(known ?? []), cause]);
      }
    }
    const order = [...this.jobs.keys()];
    for (const [key, of] of causes) {
      const [causedBy] = of.toSorted((one, other) => order.indexOf(one) - order.indexOf(other));
      Object.assign(this.job(key), { state: "cancelled", dueMs: null, causedBy });
    }
    return [...causes.keys()];
  }
}
