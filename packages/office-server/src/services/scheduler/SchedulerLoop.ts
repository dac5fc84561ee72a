import type { JobSchedulerConfig } from "office-contract/config.ts";
import { type Database, isLockTimeout } from "../../db/connection.ts";
import { answerPass, type PassSummary } from "../../db/passRequests.ts";
import { type ActiveOffice, activeOffices } from "../../db/queries/activeOffices.ts";
import { type ClaimedJob, type PassRequest, type PassResult, runPass } from "../../db/transitions/runPass.ts";
import { Announcer, Listener, type Wakeup } from "../../db/wakeups.ts";
import { monotonicMs } from "../../platform/clock.ts";
import type { Logger } from "../../platform/log.ts";
import { onNextTurn } from "../../platform/timers.ts";
import type { DependencyResolver } from "./DependencyResolver.ts";
import type { ExecutionQueue } from "./ExecutionQueue.ts";
import { HungryOffices } from "./HungryOffices.ts";
import { Lookout } from "./Lookout.ts";
import { passInDoubt } from "./passInDoubt.ts";
import { type LoopHealth, type PassReport, reportOf } from "./reports.ts";
import { WokenOffices } from "./WokenOffices.ts";
import type { Lease } from "./WorkerLease.ts";

export interface SchedulerLoopOptions {
  database: Database;
  queue: ExecutionQueue;
  resolver: DependencyResolver;
  log: Logger;
  /** In whose name jobs are claimed, and whether they may be. */
  lease: Lease;
  /** How often to look for what a crash or a deaf connection dropped, in ms; 0: never. */
  tickIntervalMs: number;
  /** Start jobs of this task only. */
  taskId?: string;
}

/** Passes that run at the same time, over different offices: one computes while another waits for its commit. */
const PASSES_MAX = 3;
const LOCKED = "a transaction of somebody else keeps one of these offices locked; they are tried again one by one";
/** Enough to share a commit, few enough that none waits long for the others. */
const OFFICES_PER_PASS = 200;

/**
 * Decides when to look where. An office is woken by whatever may have changed what can run in it: a submission, the end
 * of a session, a time that has come, an announcement by another process; the tick only catches what none of these told.
 * Woken offices are passed over in batches: settle, unlock, claim, start.
 */
export class SchedulerLoop {
  readonly #database: Database;
  readonly #queue: ExecutionQueue;
  readonly #resolver: DependencyResolver;
  readonly #lookout: Lookout;
  readonly #log: Logger;
  readonly #options: SchedulerLoopOptions;
  readonly #announcer: Announcer;
  readonly #listener: Listener;
  #state: "new" | "running" | "draining" | "stopped" = "new";
  readonly #woken = new WokenOffices(() => this.#planPump());
  readonly #hungry = new HungryOffices();
  /** Those that are running, and since when. */
  readonly #passes = new Map<Promise<unknown>, number>();
  #pumpIsPlanned = false;
  readonly #waitingForQuiet: (() => void)[] = [];
  #stopping: Promise<void> | null = null;
  /** Called after each pass. */
  onPass: (report: PassReport) => void = () => {};

  constructor(options: SchedulerLoopOptions) {
    this.#options = options;
    this.#database = options.database;
    this.#queue = options.queue;
    this.#resolver = options.resolver;
    this.#log = options.log;
    const { workerId } = options.lease;
    this.#announcer = new Announcer(options.database, workerId);
    this.#lookout = new Lookout(options, {
      onWork: (officeId) => this.wake(officeId),
      onChange: (officeId) => this.#announcer.announce([officeId]),
      onUnknown: (officeId) => this.#woken.doubt(officeId),
    });
    this.#listener = new Listener(options.database, workerId, (wakeup) => void this.#hear(wakeup));
    this.#queue.onSettlement = (officeId) => {
      for (const id of this.#hungry.inOrder()) this.#woken.add(id);
      this.wake(officeId);
    };
  }

  /** Starts scheduling: takes in and starts whatever is there, and from then on whatever comes. */
  async start(): Promise<void> {
    if (this.#state !== "new") throw new Error(`the loop is ${this.#state}`);
    this.#state = "running";
    this.#lookout.start();
    await this.#listener.start();
    await this.tick();
  }

  /**
   * Stops scheduling and waits until all is quiet: nothing new starts; running sessions are awaited ("finish"), left to
   * another worker ("leave"), or asked to stop with their jobs going back to the queue ("interrupt"); and the ends of those
   * that have ended are put on record. May be called again, with another wish.
   */
  async stop(sessions: "finish" | "leave" | "interrupt" = "interrupt"): Promise<void> {
    if (sessions === "interrupt") this.#queue.interruptAll();
    if (sessions === "leave") this.#queue.leaveAll();
    this.#stopping ??= this.#drain();
    this.#planPump();
    await this.#stopping;
  }

  /** Tells that something may have changed in an office. */
  wake(officeId: string): void {
    this.#woken.add(officeId);
    this.#planPump();
  }

  /** Something was changed in an office by this process, outside of a pass: tells everybody. */
  tell(officeId: string): void {
    this.wake(officeId);
    this.#announcer.announce([officeId]);
  }

  /** Looks through all offices for work that nothing has told of, and for times to come. */
  tick(): Promise<void> {
    return this.#lookout.look();
  }

  get health(): LoopHealth {
    const [oldest] = this.#passes.values();
    return {
      lastTickMs: this.#lookout.lastLookMs,
      passes: this.#passes.size,
      oldestPassMs: oldest === undefined ? null : monotonicMs() - oldest,
      executions: this.#queue.size,
    };
  }

  /** Offices with jobs that can start now or at a known time, or that nobody has taken in yet. */
  getActiveOffices(): Promise<ActiveOffice[]> {
    return activeOffices(this.#database);
  }

  /** One pass over an office, now. */
  async processOffice(officeId: string): Promise<PassSummary> {
    await this.#resolver.admitForeignJobs(officeId);
    while (this.#woken.isInPass(officeId) || this.#passes.size >= this.#passesMax) {
      await Promise.race(this.#passes.keys()).catch(() => {});
    }
    return this.#attempt([officeId]);
  }

  async #hear(wakeup: Wakeup): Promise<void> {
    try {
      switch (wakeup.kind) {
        case "any":
          return await this.tick();
        case "foreign":
          return await this.#lookout.takeIn(wakeup.officeId);
        case "pass":
          return await answerPass(this.#database, wakeup.requestId, await this.processOffice(wakeup.officeId));
        case "orders":
          this.wake(wakeup.officeId);
          return await this.#lookout.readOrders();
        case "office":
          this.wake(wakeup.officeId);
      }
    } catch (error) {
      this.#log.error({ err: error, wakeup: wakeup.kind }, "could not do what was asked; the next tick looks again");
    }
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
        if (isLockTimeout(error)) this.#log.warn({ offices: officeIds }, LOCKED);
        else this.#log.error({ err: error, offices: officeIds.length }, "a scheduling pass failed, and is tried again");
      });
    }
    if (this.#passes.size === 0 && this.#woken.size === 0 && this.#queue.size === 0) {
      for (const resolve of this.#waitingForQuiet.splice(0)) resolve();
    }
  }

  /** One pass over some offices, which is tried again later when it fails. */
  async #attempt(officeIds: readonly string[]): Promise<PassSummary> {
    const pass = this.#pass(officeIds);
    this.#passes.set(pass, monotonicMs());
    try {
      return await pass;
    } catch (error) {
      this.#woken.fail(officeIds);
      throw error;
    } finally {
      this.#passes.delete(pass);
      if (this.#passes.size === 0) this.#queue.forgetEarlyOrders();
      this.#planPump();
    }
  }

  async #pass(officeIds: readonly string[]): Promise<PassSummary> {
    this.#woken.begin(officeIds);
    const settlements = this.#queue.takeSettlements(officeIds);
    const { lease, taskId = null } = this.#options;
    const { workerId } = lease;
    const claimsMax = this.#state === "running" && lease.isHeld ? this.#queue.capacity : 0;
    const request = { officeIds, settlements, workerId, claimsMax, taskId };
    const startMs = monotonicMs();
    let result: PassResult;
    try {
      const inDoubt = officeIds.some((id) => this.#woken.isDoubtful(id));
      result = inDoubt
        ? await passInDoubt(this.#database, request, this.#isUnheardOf)
        : await runPass(this.#database, request);
    } catch (error) {
      this.#queue.putBack(settlements);
      throw error;
    }
    this.#woken.succeed(officeIds);
    this.#carryOut(request, result);
    this.onPass(reportOf(request, result, monotonicMs() - startMs));
    return { activated: result.activated, started: result.claimed.length };
  }

  readonly #isUnheardOf = (executionId: string): boolean => this.#queue.isUnheardOf(executionId);

  #carryOut({ officeIds, settlements, claimsMax, workerId }: PassRequest, result: PassResult): void {
    this.#queue.onSettled(settlements, new Set(result.settled));
    for (const { officeId, exit } of settlements) {
      if (exit.retryDelayMs > 0) this.#lookout.setDue(officeId, exit.retryDelayMs);
    }
    if (claimsMax !== null && this.#state === "running") {
      for (const id of officeIds) this.#hungry.served(id, result.claimed.length, claimsMax);
    }
    const mayStart = result.claimed.length > 0 && this.#mayStart(workerId);
    for (const job of result.claimed) {
      const config = result.configs[job.office_id];
      if (config === undefined) throw new Error(`a claim came without the settings of office ${job.office_id}`);
      if (mayStart) this.#start(job, config);
      else this.#queue.handBack(job, config);
    }
    if (settlements.length > 0 || result.activated > 0 || result.claimed.length > 0) {
      this.#announcer.announce(officeIds);
    }
  }

  /** The lease may have ended while the claim was on its way. */
  #mayStart(claimedBy: string): boolean {
    const { lease } = this.#options;
    return this.#state === "running" && lease.isHeld && lease.workerId === claimedBy;
  }

  /** An external session is looked at again when it might have been silent for too long. */
  #start(job: ClaimedJob, config: JobSchedulerConfig): void {
    const leaseMs = this.#queue.executeJob(job, config);
    if (leaseMs !== null) this.#lookout.setDue(job.office_id, Math.min(leaseMs, job.timeout_ms));
  }

  async #drain(): Promise<void> {
    if (this.#state === "running") {
      this.#state = "draining";
      this.#lookout.drain();
      await new Promise<void>((resolve) => {
        this.#waitingForQuiet.push(resolve);
        this.#planPump();
      });
    }
    this.#state = "stopped";
    this.#lookout.stop();
    this.#woken.stop();
    await this.#listener.stop();
    await this.#announcer.stop();
  }
}
