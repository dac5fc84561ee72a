import type { JobEvent } from "office-contract/events.ts";
import { isFinal } from "office-contract/vocabulary.ts";
import type { Database } from "../db/connection.ts";
import type { LiveExecution } from "../db/queries/liveExecutions.ts";
import { type TaskJobRow, taskJobs } from "../db/queries/taskJobs.ts";
import { cancelJobs } from "../db/transitions/cancelJobs.ts";
import { blockedJobs, isStandstill, type JobProgress } from "../domain/standstill.ts";
import type { Config } from "../platform/config.ts";
import type { Logger } from "../platform/log.ts";
import { setLongTimer, type Timer } from "../platform/timers.ts";
import { EventFeed } from "../services/events/EventFeed.ts";
import type { Succession } from "../services/session/recovery.ts";
import { Scheduling } from "./Scheduling.ts";

const READ_AGAIN_MS = 1_000;

export interface TaskWorkerOptions {
  database: Database;
  config: Config;
  log: Logger;
  officeId: string;
  taskId: string;
  /** Gets the task's events, each once and in order. */
  onEvents: (events: readonly JobEvent[]) => void;
}

/** A job that waits for one that came to a bad end. */
export interface BlockedJob {
  key: string;
  /** The keys of its dependencies that keep it from running. */
  by: string[];
}

/** Runs one task to its end within this process. What `office run` is made of. */
export class TaskWorker {
  readonly #options: TaskWorkerOptions;
  readonly #scheduling: Scheduling;
  /** Jobs that have not come to an end. */
  readonly #open = new Set<string>();
  /** Whether any job came to a bad end: then others may wait for it in vain. */
  #anyEndedBadly = false;
  #feed: EventFeed | null = null;
  /** The next try at the event log, where the last one has failed. */
  #retry: Timer | null = null;
  #stopped = false;
  #finish: () => void = () => {};
  /** Resolves when every session is gone and every job of the task has ended, or none can run any more. */
  readonly finished: Promise<void>;

  constructor(options: TaskWorkerOptions) {
    const { database, config, log, taskId } = options;
    this.#options = options;
    this.finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
    // Of another task's sessions, those that only that task's own run could go on with must not keep slots from this one.
    const succession = ({ task_id: ofTask, worker }: LiveExecution): Succession =>
      ofTask === taskId ? "adopt" : worker.lost || worker.task_id !== null ? "stop" : "leave";
    this.#scheduling = new Scheduling({ database, config, log, taskId, succession });
    this.#scheduling.loop.onPass = () => void this.#follow();
  }

  /** Starts working. Events from `after` on are handed out. */
  async start(after: number): Promise<void> {
    const { database, officeId, taskId } = this.#options;
    for (const job of await taskJobs(database, taskId)) {
      if (!isFinal(job.status)) this.#open.add(job.id);
      else if (job.status !== "done") this.#anyEndedBadly = true;
    }
    this.#feed = new EventFeed(database, officeId, after, (events) => this.#onEvents(events));
    await this.#follow();
    await this.#scheduling.start();
    // Another process may have ended the last job between the two reads above.
    await this.#follow();
  }

  /** Whether every job of the task is done. */
  async allDone(): Promise<boolean> {
    const jobs = await taskJobs(this.#options.database, this.#options.taskId);
    return jobs.every((job) => job.status === "done");
  }

  /** The jobs that no run will start, in the plan's order: a bad end that does not cancel leaves its dependents waiting. */
  async blocked(): Promise<BlockedJob[]> {
    const jobs = await taskJobs(this.#options.database, this.#options.taskId);
    const keys = new Map(jobs.map(({ id, key }) => [id, key]));
    const causes = blockedJobs(jobs.map(progressOf));
    return jobs.flatMap(({ id, key }) => {
      const by = causes.get(id);
      return by === undefined ? [] : [{ key, by: by.map((cause) => keys.get(cause) ?? cause) }];
    });
  }

  /** Cancels every job of the task that has not ended, running ones included. Returns how many sessions are being stopped. */
  async cancel(message: string): Promise<number> {
    const { database, officeId, taskId } = this.#options;
    const ids = (await taskJobs(database, taskId)).map(({ id }) => id);
    const { stopping } = await cancelJobs(database, officeId, ids, message);
    this.#scheduling.queue.stopCancelled(stopping);
    await this.#follow();
    return stopping.length;
  }

  /**
   * Starts nothing more, and stops the sessions; their jobs go back to the queue. For when the database does not say whether
   * they are cancelled. Resolves when all of them are gone, and that is on record.
   */
  async interrupt(): Promise<void> {
    await this.#scheduling.loop.stop("interrupt");
    this.#finish();
  }

  /** Does not wait any longer for sessions that are being stopped: they are killed. */
  async kill(): Promise<void> {
    await this.#scheduling.sessions.killAll();
  }

  /** Stops working and waits until all is quiet. Sessions that still run are stopped, their jobs go back to the queue. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#retry?.cancel();
    await this.#scheduling.stop("interrupt");
    await this.#feed?.read();
  }

  async #follow(): Promise<void> {
    try {
      await this.#feed?.read();
      if (this.#scheduling.queue.size === 0 && (this.#open.size === 0 || (await this.#standsStill()))) this.#finish();
    } catch (error) {
      // The last read is that of `stop`: after it the database may be closed.
      if (this.#stopped) return;
      this.#options.log.warn({ err: error }, "could not read the event log, and will try again");
      this.#retry?.cancel();
      this.#retry = setLongTimer(() => void this.#follow(), READ_AGAIN_MS);
    }
  }

  async #standsStill(): Promise<boolean> {
    if (!this.#anyEndedBadly) return false;
    const jobs = await taskJobs(this.#options.database, this.#options.taskId);
    return isStandstill(jobs.map(progressOf));
  }

  #onEvents(events: readonly JobEvent[]): void {
    const own = events.filter((event) => event.task_id === this.#options.taskId);
    for (const event of own) {
      if (ENDS.has(event.type)) this.#open.delete(event.job_id);
      else this.#open.add(event.job_id);
      if (ENDS.has(event.type) && event.type !== "job_completed") this.#anyEndedBadly = true;
    }
    this.#options.onEvents(own);
  }
}

const progressOf = ({ id, status, depends_on: dependsOn }: TaskJobRow): JobProgress => ({ id, status, dependsOn });

const ENDS: ReadonlySet<JobEvent["type"]> = new Set(["job_completed", "job_failed", "job_timeout", "job_cancelled"]);
