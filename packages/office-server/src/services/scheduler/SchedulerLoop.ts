import type { Database } from "../../db/connection.ts";
import { type ActiveOffice, activeOffices } from "../../db/queries/activeOffices.ts";
import { liveExecutions } from "../../db/queries/liveExecutions.ts";
import { type PassResult, runPass, type Settlement } from "../../db/transitions/runPass.ts";
import { Announcer, Listener } from "../../db/wakeups.ts";
import type { Logger } from "../../platform/log.ts";
import { onNextTurn, setLongTimer, type Timer } from "../../platform/timers.ts";
import { workerLost } from "../../domain/lifecycle.ts";
import type { DependencyResolver } from "./DependencyResolver.ts";
import { DueTimers } from "./DueTimers.ts";
import type { ExecutionQueue } from "./ExecutionQueue.ts";
import { WokenOffices } from "./WokenOffices.ts";

export interface SchedulerLoopOptions {
  database: Database;
  queue: ExecutionQueue;
  resolver: DependencyResolver;
  log: Logger;
  /** Unique among all processes that ever lived. */
  workerId: string;
  /** How often to look for what a crash or a deaf connection dropped, in ms; 0: never. */
  tickIntervalMs: number;
  /** Start jobs of this task only. */
  taskId?: string;
}

export interface PassSummary {
  activated: number;
  started: number;
}

/** Passes that run at the same time, over different offices: one computes while another waits for its commit. */
const PASSES_MAX = 2;
const BACKOFF_MS_MIN = 100;
const BACKOFF_MS_MAX = 5_000;
/** After a look for work that failed, where no tick would repeat it. */
const LOOK_AGAIN_MS = 1_000;

/**
 * Decides when to look where. An office is woken by whatever may have changed what can run in it: a submission, the end
 * of a session, a time that has come, an announcement by another process; the tick only catches what none of these told.
 * Woken offices are passed over in batches: settle, unlock, claim, start.
 */
export class SchedulerLoop {
  readonly #database: Database;
  readonly #queue: ExecutionQueue;
  readonly #resolver: DependencyResolver;
  readonly #log: Logger;
  readonly #options: SchedulerLoopOptions;
  readonly #announcer: Announcer;
  readonly #listener: Listener;
  #state: "new" | "running" | "draining" | "stopped" = "new";
  readonly #woken = new WokenOffices();
  /** Offices that could start more than this worker has room for. */
  readonly #starved = new Set<string>();
  readonly #dueTimers = new DueTimers((officeId) => void this.#ring(officeId));
  readonly #passes = new Set<Promise<unknown>>();
  #tickTimer: Timer | null = null;
  /** Runs after a failure, until it is time to try again. */
  #backoffTimer: Timer | null = null;
  #backoffMs = BACKOFF_MS_MIN;
  #pumpIsPlanned = false;
  readonly #waitingForQuiet: (() => void)[] = [];
  #stopping: Promise<void> | null = null;
  /** Called after each pass. */
  onPass: (officeIds: readonly string[]) => void = () => {};

  constructor(options: SchedulerLoopOptions) {
    this.#options = options;
    this.#database = options.database;
    this.#queue = options.queue;
    this.#resolver = options.resolver;
    this.#log = options.log;
    this.#announcer = new Announcer(options.database, options.workerId);
    this.#listener = new Listener(options.database, options.workerId, (wakeup) => {
      if (wakeup.kind === "any") void this.tick();
      else if (wakeup.kind === "foreign") void this.#takeIn(wakeup.officeId);
      else this.wake(wakeup.officeId);
    });
    this.#queue.onSettlement = (officeId) => {
      for (const id of this.#starved) this.#woken.add(id);
      this.#starved.clear();
      this.wake(officeId);
    };
  }

  /** Starts scheduling: takes in and starts whatever is there, and from then on whatever comes. */
  async start(): Promise<void> {
    if (this.#state !== "new") throw new Error(`the loop is ${this.#state}`);
    this.#state = "running";
    await this.#listener.start();
    await this.tick();
  }

  /**
   * Stops scheduling and waits until all is quiet: nothing new starts; running sessions are awaited ("finish") or asked to
   * stop with their jobs going back to the queue ("interrupt"), and their ends are put on record. May be called twice.
   */
  async stop(sessions: "finish" | "interrupt" = "interrupt"): Promise<void> {
    if (sessions === "interrupt") this.#queue.interruptAll();
    this.#stopping ??= this.#drain();
    await this.#stopping;
  }

  /** Tells that something may have changed in an office. */
  wake(officeId: string): void {
    this.#woken.add(officeId);
    this.#planPump();
  }

  /** Looks through all offices for work that nothing has told of, and for times to come. */
  async tick(): Promise<void> {
    this.#tickTimer?.cancel();
    if (this.#state !== "running") return;
    const { tickIntervalMs } = this.#options;
    try {
      for (const office of await this.getActiveOffices()) await this.#consider(office);
      if (tickIntervalMs > 0) this.#tickIn(tickIntervalMs);
    } catch (error) {
      this.#log.error({ err: error }, "could not look for work");
      this.#tickIn(tickIntervalMs > 0 ? tickIntervalMs : LOOK_AGAIN_MS);
    }
  }

  #tickIn(delayMs: number): void {
    this.#tickTimer?.cancel();
    if (this.#state === "running") this.#tickTimer = setLongTimer(() => void this.tick(), delayMs);
  }

  /** Offices with jobs that can start now or at a known time, or that nobody has taken in yet. */
  getActiveOffices(): Promise<ActiveOffice[]> {
    return activeOffices(this.#database);
  }

  /** One pass over an office, now. */
  async processOffice(officeId: string): Promise<PassSummary> {
    await this.#resolver.admitForeignJobs(officeId);
    while (this.#woken.isInPass(officeId) || this.#passes.size >= this.#passesMax) {
      await Promise.race(this.#passes).catch(() => {});
    }
    return this.#attempt([officeId]);
  }

  async #consider(office: ActiveOffice): Promise<void> {
    if (office.has_foreign_jobs) await this.#takeIn(office.id);
    if (office.due_in_ms !== null) this.#dueTimers.set(office.id, office.due_in_ms);
    if (office.has_work) this.wake(office.id);
  }

  async #takeIn(officeId: string): Promise<void> {
    try {
      await this.#resolver.admitForeignJobs(officeId);
    } catch (error) {
      this.#log.error({ err: error, office_id: officeId }, "could not take in jobs from elsewhere");
      if (this.#options.tickIntervalMs === 0) this.#tickIn(LOOK_AGAIN_MS);
    }
    this.wake(officeId);
  }

  /** Gathers what is woken in the same turn of the event loop into one pass. */
  #planPump(): void {
    if (this.#pumpIsPlanned) return;
    this.#pumpIsPlanned = true;
    onNextTurn(() => {
      this.#pumpIsPlanned = false;
      this.#pump();
    });
  }

  /** With a limit of this worker's own, each pass must know what the one before it took. */
  get #passesMax(): number {
    return this.#queue.capacity === null ? PASSES_MAX : 1;
  }

  #pump(): void {
    if (this.#state === "new" || this.#state === "stopped" || this.#backoffTimer !== null) return;
    while (this.#passes.size < this.#passesMax) {
      const officeIds = this.#woken.next();
      if (officeIds.length === 0) break;
      this.#attempt(officeIds).catch((error: unknown) => {
        this.#log.error({ err: error, offices: officeIds.length }, "a scheduling pass failed, and is tried again");
      });
    }
    if (this.#passes.size === 0 && this.#woken.size === 0 && this.#queue.size === 0) {
      for (const resolve of this.#waitingForQuiet.splice(0)) resolve();
    }
  }

  /** One pass over some offices, which is tried again later when it fails. */
  async #attempt(officeIds: readonly string[]): Promise<PassSummary> {
    const pass = this.#pass(officeIds);
    this.#passes.add(pass);
    try {
      const summary = await pass;
      this.#backoffMs = BACKOFF_MS_MIN;
      return summary;
    } catch (error) {
      this.#woken.fail(officeIds);
      this.#backOff();
      throw error;
    } finally {
      this.#passes.delete(pass);
      this.#planPump();
    }
  }

  async #pass(officeIds: readonly string[]): Promise<PassSummary> {
    this.#woken.begin(officeIds);
    const lost = await this.#lostClaims(officeIds.filter((id) => this.#woken.isDoubtful(id)));
    const settlements = this.#queue.takeSettlements(officeIds);
    const claimsMax = this.#state === "running" ? this.#queue.capacity : 0;
    let result: PassResult;
    try {
      const { workerId, taskId = null } = this.#options;
      const all = [...settlements, ...lost];
      result = await runPass(this.#database, { officeIds, settlements: all, workerId, claimsMax, taskId });
    } catch (error) {
      this.#queue.putBack(settlements);
      throw error;
    }
    this.#woken.succeed(officeIds);
    this.#carryOut(officeIds, settlements, result, claimsMax);
    return { activated: result.activated, started: result.claimed.length };
  }

  /** Executions that a pass claimed whose answer never came: nothing of them has started, so their jobs go back. */
  async #lostClaims(officeIds: readonly string[]): Promise<Settlement[]> {
    if (officeIds.length === 0) return [];
    const live = await liveExecutions(this.#database);
    return live
      .filter(
        ({ worker_id: worker, office_id: office }) => worker === this.#options.workerId && officeIds.includes(office),
      )
      .filter(({ execution_id: id }) => !this.#queue.has(id))
      .map((execution) => ({
        executionId: execution.execution_id,
        jobId: execution.job_id,
        officeId: execution.office_id,
        fencingToken: execution.fencing_token,
        exit: workerLost(),
        details: {},
      }));
  }

  #carryOut(
    officeIds: readonly string[],
    settlements: readonly Settlement[],
    result: PassResult,
    claimsMax: number | null,
  ): void {
    this.#queue.onSettled(settlements, new Set(result.settled));
    for (const { officeId, exit } of settlements) {
      if (exit.retryDelayMs > 0 && this.#state === "running") this.#dueTimers.set(officeId, exit.retryDelayMs);
    }
    if (claimsMax !== null && this.#state === "running" && result.claimed.length === claimsMax) {
      for (const id of officeIds) this.#starved.add(id);
    }
    for (const job of result.claimed) {
      const config = result.configs[job.office_id];
      if (config === undefined) throw new Error(`a claim came without the settings of office ${job.office_id}`);
      if (this.#state === "running") this.#queue.executeJob(job, config);
      else this.#queue.handBack(job, config);
    }
    if (settlements.length > 0 || result.activated > 0 || result.claimed.length > 0) {
      this.#announcer.announce(officeIds);
    }
    this.onPass(officeIds);
  }

  /** Timers only wake: whether a job is due is up to the database's clock, so a tick follows and sets the next one. */
  async #ring(officeId: string): Promise<void> {
    this.wake(officeId);
    await this.tick();
  }

  #backOff(): void {
    this.#backoffTimer?.cancel();
    this.#backoffTimer = setLongTimer(() => {
      this.#backoffTimer = null;
      void this.tick();
      this.#planPump();
    }, this.#backoffMs);
    this.#backoffMs = Math.min(this.#backoffMs * 2, BACKOFF_MS_MAX);
  }

  async #drain(): Promise<void> {
    if (this.#state === "running") {
      this.#state = "draining";
      this.#tickTimer?.cancel();
      this.#dueTimers.cancelAll();
      await new Promise<void>((resolve) => {
        this.#waitingForQuiet.push(resolve);
        this.#planPump();
      });
    }
    this.#state = "stopped";
    await this.#listener.stop();
    await this.#announcer.stop();
  }
}
