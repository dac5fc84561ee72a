import type { JobEvent } from "office-contract/events.ts";
import type { History, OfficeRecord, SessionRecord } from "../history/records.ts";
import { Random } from "../random.ts";

/** Where the database's clock is when the boot's is at 0. */
const OFFSET_MS = 1_700_000_000_000;
const OFFICE = "office";
const TIMEOUT_MS = 1_000;

interface Job {
  id: string;
  dependsOn: string[];
  priority: number;
  role: string;
  state: "waiting" | "ready" | "running" | "done" | "over";
  attempt: number;
  retries: number;
  dueMs: number;
  /** Of the running session. */
  session: SessionRecord | null;
  endsMs: number;
}

/** A history that a scheduler without faults might leave behind. What happens in it is determined by the seed. */
export function simulate(seed: number): History {
  return new Simulation(new Random(seed)).run();
}

class Simulation {
  readonly #random: Random;
  readonly #office: OfficeRecord = {
    id: OFFICE,
    maxConcurrentJobs: 3,
    maxConcurrentByRole: { QA: 1 },
    maxRetries: 2,
    retryBaseDelay: 100,
    retryMaxDelay: 150,
  };
  readonly #jobs: Job[];
  readonly #events: JobEvent[] = [];
  readonly #sessions: SessionRecord[] = [];
  readonly #calls: History["calls"][number][] = [];
  readonly #clock: History["clock"][number][] = [];
  #nowMs = 10_000;
  #token = 0n;

  constructor(random: Random) {
    this.#random = random;
    this.#jobs = Array.from({ length: random.between(6, 12) }, (_, index) => ({
      id: `job-${index}`,
      dependsOn: index === 0 ? [] : [`job-${random.between(0, index - 1)}`],
      priority: random.between(-3, 3),
      role: random.pick(["BE", "QA"]),
      state: "waiting",
      attempt: 0,
      retries: 0,
      dueMs: 0,
      session: null,
      endsMs: 0,
    }));
  }

  run(): History {
    this.#submit();
    for (let step = 0; this.#jobs.some(({ state }) => state !== "done" && state !== "over"); step++) {
      if (step % 10 === 0)
        this.#clock.push({
          kind: "clock",
          beforeMs: this.#nowMs,
          databaseMs: this.#nowMs + OFFSET_MS,
          afterMs: this.#nowMs,
        });
      this.#nowMs += 20;
      if (step === 9) this.#cancelOne();
      this.#settle();
      this.#unlock();
      this.#claim();
    }
    return {
      offices: [this.#office],
      sessions: this.#sessions,
      calls: this.#calls,
      faults: [],
      clock: this.#clock,
      events: new Map([[OFFICE, this.#events]]),
      followed: new Map([[OFFICE, structuredClone(this.#events)]]),
      promises: { termGraceMs: 10_000, leaseMs: 20_000 },
    };
  }

  #say(type: JobEvent["type"], job: Job, details: Record<string, unknown> = {}, ofExecution = true): void {
    this.#events.push({
      seq: this.#events.length + 1,
      type,
      office_id: OFFICE,
      task_id: "task",
      job_id: job.id,
      job_key: job.id,
      role: job.role,
      execution_id: ofExecution && job.attempt > 0 ? executionOf(job) : null,
      attempt: ofExecution && job.attempt > 0 ? job.attempt : null,
      timestamp: new Date(this.#nowMs + OFFSET_MS).toISOString(),
      details,
    });
  }

  #acknowledge(name: string, request: Record<string, unknown>, answer: unknown): void {
    const { invokedMs, answeredMs } = { invokedMs: this.#nowMs - 5, answeredMs: this.#nowMs + 5 };
    this.#calls.push({
      kind: "call",
      client: "one",
      name,
      officeId: OFFICE,
      invokedMs,
      answeredMs,
      outcome: "ok",
      request,
      answer,
    });
  }

  #submit(): void {
    for (const job of this.#jobs)
      this.#say("job_created", job, { priority: job.priority, depends_on: job.dependsOn }, false);
    const jobs = this.#jobs.map(({ id }) => ({ id }));
    this.#acknowledge("submitJobs", { body: { jobs } }, { jobs });
  }

  #cancelOne(): void {
    const job =
      this.#jobs.find(({ state }) => state === "running") ??
      this.#jobs.findLast(({ state }) => state === "ready" || state === "waiting");
    if (job === undefined) return;
    this.#say("job_cancelled", job, {}, job.state === "running");
    if (job.session !== null) job.session.aliveMs = this.#nowMs + 100;
    job.session = null;
    job.state = "over";
    const ids = [job.id];
    for (const other of this.#jobs) {
      if (other.state === "over" || !other.dependsOn.some((id) => ids.includes(id))) continue;
      this.#say("job_cancelled", other, { error_class: "DEPENDENCY_FAILED" }, false);
      other.state = "over";
      ids.push(other.id);
    }
    this.#acknowledge("cancelJob", { jobId: job.id }, { cancelled: ids.length, job_ids: ids });
  }

  #settle(): void {
    for (const job of this.#jobs.filter(({ session, endsMs }) => session !== null && endsMs <= this.#nowMs)) {
      const session = job.session;
      if (session === null) continue;
      session.aliveMs = this.#nowMs - 10;
      session.exited = true;
      job.session = null;
      if (job.retries < this.#office.maxRetries && this.#random.chance(0.2)) {
        job.retries += 1;
        const waitMs = Math.min(100 * 2 ** (job.retries - 1), 150);
        job.dueMs = this.#nowMs + waitMs;
        job.state = "waiting";
        this.#say("job_retrying", job, { retry_delay_ms: waitMs, error_class: "EXIT_CODE" });
      } else if (this.#random.chance(0.1)) {
        job.state = "waiting";
        this.#say("job_retrying", job, { reason: "worker_lost" });
      } else {
        job.state = "done";
        this.#say("job_completed", job);
        this.#acknowledge("completeExecution", { executionId: session.executionId }, {});
      }
    }
  }

  #unlock(): void {
    const done = new Set(this.#jobs.filter(({ state }) => state === "done").map(({ id }) => id));
    for (const job of this.#jobs) {
      if (job.state !== "waiting" || job.dueMs > this.#nowMs || !job.dependsOn.every((id) => done.has(id))) continue;
      job.state = "ready";
      this.#say("job_ready", job, {}, false);
    }
  }

  #claim(): void {
    const running = (role?: string): number =>
      this.#sessions.filter(
        (session) => session.aliveMs >= this.#nowMs && (role === undefined || session.role === role),
      ).length;
    for (const job of this.#jobs
      .filter(({ state }) => state === "ready")
      .toSorted((one, other) => one.priority - other.priority)) {
      if (running() >= this.#office.maxConcurrentJobs) return;
      if (job.role === "QA" && running("QA") >= 1) continue;
      job.state = "running";
      job.attempt += 1;
      job.endsMs = this.#nowMs + this.#random.between(20, 200);
      this.#say("job_started", job, { timeout_ms: TIMEOUT_MS });
      this.#token += 1n;
      job.session = {
        executionId: executionOf(job),
        jobId: job.id,
        officeId: OFFICE,
        role: job.role,
        token: this.#token,
        attempt: job.attempt,
        external: false,
        startMs: this.#nowMs + 5,
        aliveMs: Infinity,
        termMs: null,
        exited: false,
      };
      this.#sessions.push(job.session);
    }
  }
}

const executionOf = ({ id, attempt }: Job): string => `${id}/${attempt}`;
