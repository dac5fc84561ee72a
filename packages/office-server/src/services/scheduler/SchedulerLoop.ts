import type { Database } from "../../db/connection.ts";
import { type ActiveOffice, activeOffices } from "../../db/queries/activeOffices.ts";
import { lockOffices } from "../../db/transitions/lockOffices.ts";
import { type PassRequest, type PassResult, runPass, type Settlement } from "../../db/transitions/runPass.ts";
import { Announcer, Listener } from "../../db/wakeups.ts";
import type { Logger } from "../../platform/log.ts";
import { onNextTurn, setLongTimer, type Timer } from "../../platform/timers.ts";
import type { DependencyResolver } from "./DependencyResolver.ts";
import { DueTimers } from "./DueTimers.ts";
import type { ExecutionQueue } from "./ExecutionQueue.ts";
import { HungryOffices } from "./HungryOffices.ts";
import { lostClaims } from "./lostClaims.ts";
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
/** Enough to share a commit, few enough that none waits long for the others. */
const OFFICES_PER_PASS = 100;
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
  readonly #woken = new WokenOffices(() => this.#planPump());
  readonly #hungry = new HungryOffices();
  readonly #dueTimers = new DueTimers((officeId) => void this.#ring(officeId));
  readonly #passes = new Set<Promise<unknown>>();
  #tickTimer: Timer | null = null;
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
      for (const id of this.#hungry.inOrder()) this.#woken.add(id);
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

  /** With a limit of this worker's own, offices take turns: within a pass the first one might take all the room. */
  get #officesPerPass(): number {
    return this.#queue.capacity === null ? OFFICES_PER_PASS : 1;
  }

  #pump(): void {
    if (this.#state === "new" || this.#state === "stopped") return;
    while (this.#passes.size < this.#passesMax) {
      const officeIds = this.#woken.next(this.#officesPerPass);
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
      return await pass;
    } catch (error) {
      this.#woken.fail(officeIds);
      throw error;
    } finally {
      this.#passes.delete(pass);
      if (this.#passes.size === 0) this.#queue.forgetEarlyCancellations();
      this.#planPump();
    }
  }

  async #pass(officeIds: readonly string[]): Promise<PassSummary> {
    this.#woken.begin(officeIds);
    const settlements = this.#queue.takeSettlements(officeIds);
    const claimsMax = this.#state === "running" ? this.#queue.capacity : 0;
    const { workerId, taskId = null } = this.#options;
    const request = { officeIds, settlements, workerId, claimsMax, taskId };
    let result: PassResult;
    try {
      const inDoubt = officeIds.some((id) => this.#woken.isDoubtful(id));
      result = inDoubt ? await this.#passInDoubt(request) : await runPass(this.#database, request);
    } catch (error) {
      this.#queue.putBack(settlements);
      throw error;
    }
    this.#woken.succeed(officeIds);
    this.#carryOut(officeIds, settlements, result, claimsMax);
    return { activated: result.activated, started: result.claimed.length };
  }

  /**
   * A pass over offices whose last pass has failed, and may have taken effect all the same: its statement may even wait for
   * the lock yet, so that only who holds the lock can tell.
   */
  #passInDoubt(request: PassRequest): Promise<PassResult> {
    return this.#database.transaction(async (transaction) => {
      await lockOffices(transaction, request.officeIds);
      const { workerId, officeIds } = request;
      const lost = await lostClaims(transaction, { workerId, officeIds, has: (id) => this.#queue.has(id) });
      return runPass(transaction, { ...request, settlements: [...request.settlements, ...lost] });
    });
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
    if (claimsMax !== null && this.#state === "running") {
      for (const id of officeIds) this.#hungry.served(id, result.claimed.length, claimsMax);
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
    this.#woken.stop();
    await this.#listener.stop();
    await this.#announcer.stop();
  }
}
