import { effectiveConfig, type JobSchedulerConfig } from "office-contract/config.ts";
import { EXTERNAL_LEASE_MS_DEFAULT, type SessionSpec, sessionSpecSchema } from "office-contract/session.ts";
import type { Database } from "../../db/connection.ts";
import type { ExecutionOrder } from "../../db/queries/executionOrders.ts";
import type { LiveExecution } from "../../db/queries/liveExecutions.ts";
import { officeLoad } from "../../db/queries/officeLoad.ts";
import type { ClaimedJob, Settlement } from "../../db/transitions/runPass.ts";
import { type AvailableSlots, availableSlots } from "../../domain/admission.ts";
import type { Exit } from "../../domain/lifecycle.ts";
import type { SessionOutcome } from "../../domain/outcome.ts";
import { decideExit, retryDelayMs } from "../../domain/retryPolicy.ts";
import { monotonicMs } from "../../platform/clock.ts";
import type { Logger } from "../../platform/log.ts";
import { randomFraction } from "../../platform/random.ts";
import type { SessionEnd, SessionRuntime } from "../session/runtime.ts";
import { TimeoutManager } from "./TimeoutManager.ts";
import { WaitingSettlements } from "./WaitingSettlements.ts";

export interface ExecutionQueueOptions {
  database: Database;
  runtime: SessionRuntime;
  log: Logger;
  /** Most sessions of this worker at a time; null: as many as the offices allow. */
  sessionsMax: number | null;
}

/**
 * A session's own clock starts with its program: on a busy machine well after its claim. Until then, and a little more,
 * its deadline is its host's business alone.
 */
const WATCH_MARGIN_MS = 30_000;

/** What an execution's end is judged and recorded by. */
export type ExecutedJob = Pick<
  ClaimedJob,
  "execution_id" | "fencing_token" | "office_id" | "job_id" | "key" | "timeout_ms" | "retry_count" | "max_retries"
>;

/** A claimed job, and the settings that its office had at the claim. */
interface Execution {
  job: ExecutedJob;
  config: JobSchedulerConfig;
  claimedAtMs: number;
  /** As it was last ordered. */
  timeoutMs: number;
}

const asClaimed = (job: ClaimedJob): Omit<ExecutionOrder, "office_id"> => ({ ...job, stop_cause: null });

const nothingToRun = ({ role }: ClaimedJob): SessionOutcome => ({
  kind: "failed",
  errorClass: "INVALID_JOB",
  message: `nothing says how to run it: the job has no command, and the office has none for role ${role}`,
  exitCode: null,
});

/** A failure that no retry follows. */
export interface PermanentFailure {
  job: ExecutedJob;
  exit: Exit;
}

/**
 * This worker's executions from their claim until their end is on record: starts their sessions, and turns each
 * session's end into a settlement for the next pass. Settlements wait here until the database has taken them.
 */
export class ExecutionQueue {
  readonly #database: Database;
  readonly #runtime: SessionRuntime;
  readonly #log: Logger;
  readonly #sessionsMax: number | null;
  readonly #timeouts: TimeoutManager;
  readonly #live = new Map<string, Execution>();
  /** Those of them whose session has not ended. */
  readonly #running = new Set<string>();
  /** What was ordered of executions before their claim's answer came. */
  readonly #earlyOrders = new Map<string, Omit<ExecutionOrder, "office_id">>();
  readonly #ended = new WaitingSettlements();
  /** Called when an office has something to settle. */
  onSettlement: (officeId: string) => void = () => {};
  /** Called when a job has failed or timed out for good, after that is on record. */
  onPermanentFailure: (failure: PermanentFailure) => void = () => {};

  constructor({ database, runtime, log, sessionsMax }: ExecutionQueueOptions) {
    this.#database = database;
    this.#runtime = runtime;
    this.#log = log;
    this.#sessionsMax = sessionsMax;
    this.#timeouts = new TimeoutManager((executionId) => runtime.stop(executionId, "timeout"));
  }

  /** An office's free slots by its limits; null when there is no such office. What a claim goes by is the database. */
  async getAvailableSlots(officeId: string): Promise<AvailableSlots | null> {
    const load = await officeLoad(this.#database, officeId);
    return load === null ? null : availableSlots(effectiveConfig(load.config), load.running_roles);
  }

  /** How many more sessions this worker may start; null: no limit of its own. */
  get capacity(): number | null {
    return this.#sessionsMax === null ? null : Math.max(this.#sessionsMax - this.#running.size, 0);
  }

  /** Executions that are claimed and not yet on record as ended. */
  get size(): number {
    return this.#live.size;
  }

  /** Whether an execution is this worker's, as far as it knows. */
  has(executionId: string): boolean {
    return this.#live.has(executionId);
  }

  /** Whether nothing of an execution can be running here: its claim was all that there was. */
  isUnheardOf(executionId: string): boolean {
    return !this.#live.has(executionId) && !this.#runtime.wasStarted(executionId);
  }

  /**
   * Starts the session of a claimed job. One that runs elsewhere is none of this worker's business: then its lease is
   * returned, in ms.
   */
  executeJob(job: ClaimedJob, config: JobSchedulerConfig): number | null {
    const { session } = job;
    if (session?.runtime === "external" && sessionSpecSchema.safeParse(session).success) {
      return session.lease_ms ?? EXTERNAL_LEASE_MS_DEFAULT;
    }
    const { stop_cause: cause, timeout_ms: timeoutMs } = this.#earlyOrders.get(job.execution_id) ?? asClaimed(job);
    this.#take({ ...job, timeout_ms: timeoutMs }, config);
    if (cause !== null) this.#endAtOnce(job, { kind: "stopped", cause });
    else if (session === null) this.#endAtOnce(job, nothingToRun(job));
    else this.#startSession({ ...job, timeout_ms: timeoutMs }, session);
    return null;
  }

  /** Goes on with an execution whose session another worker has started, and left. */
  adopt(execution: LiveExecution): void {
    const { execution_id: executionId, timeout_ms: timeoutMs, age_ms: ageMs } = execution;
    this.#take(execution, execution.config, monotonicMs() - ageMs);
    this.#timeouts.setTimer(executionId, timeoutMs + WATCH_MARGIN_MS - ageMs);
    this.#runtime.adopt(executionId, timeoutMs, (end) => this.onJobComplete(end));
  }

  #endAtOnce({ execution_id: executionId }: ClaimedJob, outcome: SessionOutcome): void {
    this.onJobComplete({ executionId, outcome, directory: null });
  }

  #startSession(job: ClaimedJob, spec: SessionSpec): void {
    this.#timeouts.setTimer(job.execution_id, job.timeout_ms + WATCH_MARGIN_MS);
    this.#runtime.start(
      {
        executionId: job.execution_id,
        officeId: job.office_id,
        taskId: job.task_id,
        jobId: job.job_id,
        jobKey: job.key,
        role: job.role,
        attempt: job.attempt,
        fencingToken: job.fencing_token,
        title: job.title,
        prompt: job.description,
        spec,
        timeoutMs: job.timeout_ms,
      },
      (end) => this.onJobComplete(end),
    );
  }

  /** Gives back a claimed job whose session is not to start any more. Who runs one elsewhere learns of it by the event. */
  handBack(job: ClaimedJob, config: JobSchedulerConfig): void {
    if (job.session?.runtime === "external") return;
    this.#take(job, config);
    this.#endAtOnce(job, { kind: "stopped", cause: "interrupted" });
  }

  #take(job: ExecutedJob, config: JobSchedulerConfig, claimedAtMs = monotonicMs()): void {
    const timeoutMs = job.timeout_ms;
    this.#live.set(job.execution_id, { job, config, claimedAtMs, timeoutMs });
    this.#running.add(job.execution_id);
  }

  /** A session has ended, all its processes with it: its execution is settled with the next pass. */
  onJobComplete({ executionId, outcome, directory }: SessionEnd): void {
    const execution = this.#live.get(executionId);
    if (execution === undefined || !this.#running.delete(executionId)) return;
    const { job } = execution;
    this.#timeouts.clearTimer(executionId);
    const exit = this.handleFailure(execution, outcome);
    const settlement: Settlement = {
      executionId,
      jobId: job.job_id,
      officeId: job.office_id,
      fencingToken: job.fencing_token,
      exit,
      details: {
        ...(directory !== null && { output: directory }),
        ...(exit.way === "retrying" && { retry: job.retry_count + 1, max_retries: job.max_retries }),
      },
    };
    this.#ended.add(settlement);
    this.onSettlement(settlement.officeId);
  }

  /** What becomes of an execution that ended like this: done, tried again, or one of the bad ends. */
  handleFailure({ job, config }: Execution, outcome: SessionOutcome): Exit {
    return decideExit(outcome, {
      retryCount: job.retry_count,
      maxRetries: job.max_retries,
      config,
      random: randomFraction(),
    });
  }

  /** The wait before retry `retry` (1 for the first), in ms. */
  calculateRetryDelay = (config: JobSchedulerConfig, retry: number): number =>
    retryDelayMs(config, retry, randomFraction());

  /** Takes out what waits to be settled in some offices, one settlement a job. What cannot be stored must be put back. */
  takeSettlements(officeIds: readonly string[]): Settlement[] {
    const { now, later } = this.#ended.take(officeIds);
    for (const { officeId } of later) this.onSettlement(officeId);
    return now;
  }

  /** Wakes nobody: who puts back knows when to try again. */
  putBack = (settlements: readonly Settlement[]): void => settlements.forEach((one) => this.#ended.add(one));

  /** The database has taken these settlements; those that are not in `settled` were not ours any more. */
  onSettled(settlements: readonly Settlement[], settled: ReadonlySet<string>): void {
    for (const { executionId, exit } of settlements) {
      const job = this.#live.get(executionId)?.job;
      this.#live.delete(executionId);
      if (job === undefined) continue;
      if (!settled.has(executionId)) {
        this.#log.warn(
          { execution_id: executionId, job_id: job.job_id },
          "its end came too late: the execution is not this worker's any more",
        );
      } else if (exit.way === "failed" || exit.way === "timed_out") {
        this.notifyFailure({ job, exit });
      }
    }
  }

  /** Tells whoever wants to know that a job has failed for good. */
  notifyFailure(failure: PermanentFailure): void {
    const { job, exit } = failure;
    this.#log.warn(
      { job_id: job.job_id, job_key: job.key, error_class: exit.errorClass },
      `job failed for good: ${exit.errorMessage}`,
    );
    this.onPermanentFailure(failure);
  }

  /** Asks every session to stop; their jobs go back to the queue. */
  interruptAll(): void {
    for (const executionId of this.#running) this.#runtime.stop(executionId, "interrupted");
  }

  /** Goes on without the sessions that run: they are left to another worker. */
  leaveAll(): void {
    for (const executionId of this.#running) {
      this.#timeouts.clearTimer(executionId);
      this.#live.delete(executionId);
    }
    this.#running.clear();
  }

  /**
   * Stops sessions, or moves their deadlines, as the database says: now, or when they are about to start. Orders that were
   * carried out before change nothing.
   */
  obey(orders: readonly Omit<ExecutionOrder, "office_id">[]): void {
    for (const order of orders) {
      const { execution_id: id, stop_cause: cause, timeout_ms: timeoutMs } = order;
      const execution = this.#live.get(id);
      if (execution === undefined) this.#earlyOrders.set(id, order);
      else if (!this.#running.has(id)) continue;
      else if (cause !== null) this.#runtime.stop(id, cause);
      else if (timeoutMs !== execution.timeoutMs) this.#moveDeadline(id, execution, timeoutMs);
    }
  }

  /** Stops sessions of cancelled jobs, as `obey` does. What another worker runs is left to it. */
  stopCancelled(executionIds: readonly string[]): void {
    this.obey(executionIds.map((id) => ({ execution_id: id, stop_cause: "cancelled", timeout_ms: Infinity })));
  }

  #moveDeadline(executionId: string, execution: Execution, timeoutMs: number): void {
    execution.timeoutMs = timeoutMs;
    this.#runtime.setTimeout(executionId, timeoutMs);
    const sinceClaimMs = monotonicMs() - execution.claimedAtMs;
    this.#timeouts.setTimer(executionId, timeoutMs + WATCH_MARGIN_MS - sinceClaimMs);
  }

  /** To be called when no claim is on its way: whatever was ordered early has been carried out. */
  forgetEarlyOrders(): void {
    this.#earlyOrders.clear();
  }
}
