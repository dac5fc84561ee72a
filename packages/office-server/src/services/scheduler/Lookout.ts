import type { Database } from "../../db/connection.ts";
import { type ActiveOffice, activeOffices } from "../../db/queries/activeOffices.ts";
import { executionOrders } from "../../db/queries/executionOrders.ts";
import { externalDue } from "../../db/queries/externalDue.ts";
import { monotonicMs } from "../../platform/clock.ts";
import type { Logger } from "../../platform/log.ts";
import { setLongTimer, type Timer } from "../../platform/timers.ts";
import type { DependencyResolver } from "./DependencyResolver.ts";
import { DueTimers } from "./DueTimers.ts";
import type { ExecutionQueue } from "./ExecutionQueue.ts";
import { expireExternalSessions } from "./externalSessions.ts";
import type { Lease } from "./WorkerLease.ts";

export interface LookoutOptions {
  database: Database;
  queue: ExecutionQueue;
  resolver: DependencyResolver;
  log: Logger;
  lease: Lease;
  /** 0: nothing but what is told, and times that come. */
  tickIntervalMs: number;
}

/** Who is told of what is found. */
export interface Found {
  /** A pass may change something in an office. */
  onWork(officeId: string): void;
  /** Something was changed in an office. */
  onChange(officeId: string): void;
  /** The worker is said to run something in an office that its queue does not know: a claim may have got lost. */
  onUnknown(officeId: string): void;
}

/** After a look for work that failed, where no tick would repeat it. */
const LOOK_AGAIN_MS = 1_000;

/** Finds the offices in which there is something to do that nobody tells of: at each tick, and at times known before. */
export class Lookout {
  readonly #options: LookoutOptions;
  readonly #found: Found;
  readonly #dueTimers = new DueTimers((officeId) => void this.#ring(officeId));
  #tickTimer: Timer | null = null;
  /** What is looked for. */
  #watching: "nothing" | "orders" | "work" = "nothing";
  #lastLookAtMs: number | null = null;

  constructor(options: LookoutOptions, found: Found) {
    this.#options = options;
    this.#found = found;
  }

  /** Ms since the last look that succeeded; null before the first. */
  get lastLookMs(): number | null {
    return this.#lastLookAtMs === null ? null : monotonicMs() - this.#lastLookAtMs;
  }

  start(): void {
    this.#watching = "work";
  }

  /** From now on only what is asked of sessions that run is looked for. */
  drain(): void {
    this.#watching = "orders";
    this.#dueTimers.cancelAll();
    void this.look();
  }

  stop(): void {
    this.#watching = "nothing";
    this.#tickTimer?.cancel();
    this.#dueTimers.cancelAll();
  }

  /** Looks through all offices for work, for times to come, and for what is asked of this worker's sessions. */
  async look(): Promise<void> {
    this.#tickTimer?.cancel();
    if (this.#watching === "nothing") return;
    const { tickIntervalMs, log } = this.#options;
    try {
      await this.readOrders();
      if (this.#watching === "work") await this.#findWork();
      this.#lastLookAtMs = monotonicMs();
      if (tickIntervalMs > 0) this.#lookIn(tickIntervalMs);
    } catch (error) {
      log.error({ err: error }, "could not look for work");
      this.#lookIn(tickIntervalMs > 0 ? tickIntervalMs : LOOK_AGAIN_MS);
    }
  }

  async #findWork(): Promise<void> {
    const { database } = this.#options;
    const offices = await activeOffices(database);
    for (const office of offices) this.#consider(office);
    // What follows waits for the offices' locks, and one that somebody keeps is to hold up nothing else.
    for (const { id, has_foreign_jobs: hasForeignJobs } of offices) if (hasForeignJobs) await this.takeIn(id);
    for (const { office_id: id, due_in_ms: dueInMs } of await externalDue(database)) await this.#expire(id, dueInMs);
  }

  /** Stops sessions, or moves their deadlines, as other processes have asked. */
  async readOrders(): Promise<void> {
    const { database, queue, lease } = this.#options;
    const orders = await executionOrders(database, lease.workerId);
    queue.obey(orders);
    for (const { execution_id: id, office_id: officeId } of orders) {
      if (!queue.has(id)) this.#found.onUnknown(officeId);
    }
  }

  /** Something is to be done in an office in `delayMs`. */
  setDue(officeId: string, delayMs: number): void {
    if (this.#watching === "work") this.#dueTimers.set(officeId, delayMs);
  }

  /** Takes in jobs that another program wrote. */
  async takeIn(officeId: string): Promise<void> {
    const { resolver, log, tickIntervalMs } = this.#options;
    try {
      await resolver.admitForeignJobs(officeId);
    } catch (error) {
      log.error({ err: error, office_id: officeId }, "could not take in jobs from elsewhere");
      if (tickIntervalMs === 0) this.#lookIn(LOOK_AGAIN_MS);
    }
    this.#found.onWork(officeId);
  }

  #lookIn(delayMs: number): void {
    this.#tickTimer?.cancel();
    if (this.#watching !== "nothing") this.#tickTimer = setLongTimer(() => void this.look(), delayMs);
  }

  #consider(office: ActiveOffice): void {
    if (office.due_in_ms !== null) this.setDue(office.id, office.due_in_ms);
    if (office.has_work) this.#found.onWork(office.id);
  }

  async #expire(officeId: string, dueInMs: number): Promise<void> {
    if (dueInMs > 0) {
      this.setDue(officeId, dueInMs);
      return;
    }
    const { database, lease, log } = this.#options;
    try {
      const delaysMs = await expireExternalSessions(database, officeId, lease.workerId);
      if (delaysMs.length > 0) this.#found.onChange(officeId);
      for (const delayMs of delaysMs) if (delayMs > 0) this.setDue(officeId, delayMs);
      this.#found.onWork(officeId);
    } catch (error) {
      log.error({ err: error, office_id: officeId }, "could not end external sessions that are silent");
      this.setDue(officeId, LOOK_AGAIN_MS);
    }
  }

  /** Timers only wake: whether something is due is up to the database's clock, so a look follows and sets the next one. */
  async #ring(officeId: string): Promise<void> {
    this.#found.onWork(officeId);
    await this.look();
  }
}
