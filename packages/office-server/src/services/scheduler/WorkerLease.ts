import { dirname } from "node:path";
import type { Database } from "../../db/connection.ts";
import { endWorker, registerWorker, renewWorker } from "../../db/workerRows.ts";
import { bootTimeMs } from "../../platform/clock.ts";
import type { LeaseConfig } from "../../platform/config.ts";
import { removeLease, removeOldLeases, writeLease } from "../../platform/leaseFile.ts";
import type { Logger } from "../../platform/log.ts";
import { inTime, setLongTimer, type Timer } from "../../platform/timers.ts";
import { currentWorkerId } from "../../platform/workerId.ts";
import type { SessionLease } from "../session/host/records.ts";

/** What the scheduler has to know of its worker's lease. */
export interface Lease {
  /** Of the current incarnation. */
  readonly workerId: string;
  /** Whether sessions may be started: else another worker may be about to take over. */
  readonly isHeld: boolean;
}

export interface WorkerLeaseOptions extends Pick<LeaseConfig, "heartbeatMs" | "fenceMs" | "leaseMs"> {
  database: Database;
  log: Logger;
  /** For people; null: the host's. */
  name: string | null;
  version: string;
  /** The one task that the worker is for; null: all offices. */
  taskId: string | null;
  /** Absolute. Where the worker's sessions are. */
  sessionsDirectory: string;
  /** The file that session hosts look at, for an incarnation. */
  leasePath: (incarnation: number) => string;
}

/** How long a stop waits for the database. */
const END_MS_MAX = 4_000;
const BEAT_AGAIN_MS_MAX = 1_000;
/** Of the time between the fence and the end of the lease: what sessions get from SIGTERM to SIGKILL. */
const GRACE_SHARE = 0.6;

/**
 * The worker's hold on its executions: signs of life in the database, each of which lets it go on for a while (DESIGN.md
 * §3.6). Times are counted from before a sign was sent, on the clock of the machine's boot, which goes on while the machine
 * sleeps: whatever delays the answer, the worker gives up before anybody else may think that it has.
 *
 * A worker that gets no sign through stops its sessions in time (`onFence`); their hosts do so as well, by the lease file,
 * without it. When it gets through again and was not declared lost, it goes on as before; else it begins anew under another
 * name, and what the old one had claimed is not its any more.
 */
export class WorkerLease implements Lease {
  readonly #options: WorkerLeaseOptions;
  #incarnation = 1;
  #workerId: string;
  #heldUntilMs = -Infinity;
  /** Since when it has been held without a break; boot time. */
  #heldSinceMs: number | null = null;
  #beat: Timer | null = null;
  #fence: Timer | null = null;
  #beating: Promise<void> = Promise.resolve();
  #stopped = false;
  /** Called when the lease is over: no session may go on. */
  onFence: () => void = () => {};
  /** Called when it is held again. */
  onHold: () => void = () => {};

  constructor(options: WorkerLeaseOptions) {
    this.#options = options;
    this.#workerId = currentWorkerId(options.name, this.#incarnation);
  }

  get workerId(): string {
    return this.#workerId;
  }

  get isHeld(): boolean {
    return bootTimeMs() < this.#heldUntilMs;
  }

  /** How long it has been held without a break, in ms; 0 when it is not. */
  get heldForMs(): number {
    return this.isHeld && this.#heldSinceMs !== null ? bootTimeMs() - this.#heldSinceMs : 0;
  }

  /** What a session that is started now goes by. */
  get ofSessions(): SessionLease {
    return { path: this.#path, graceMs: this.#graceMs };
  }

  /** What sessions get from SIGTERM to SIGKILL when the lease is over, in ms. */
  get #graceMs(): number {
    const { fenceMs, leaseMs } = this.#options;
    return Math.round((leaseMs - fenceMs) * GRACE_SHARE);
  }

  get #path(): string {
    return this.#options.leasePath(this.#incarnation);
  }

  /** Resolves when the lease is held. */
  async start(): Promise<void> {
    const sentAtMs = bootTimeMs();
    await this.#register();
    this.#hold(sentAtMs);
    this.#tidyUp();
    this.#beatIn(this.#options.heartbeatMs);
  }

  /** Gives it up, in good order: what runs is left to whoever comes next on this machine, for as long as the lease lasts. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#beat?.cancel();
    this.#fence?.cancel();
    await this.#beating;
    const { database, log } = this.#options;
    const ended = endWorker(database, this.workerId).then(
      (leftAny) => {
        // Sessions that were left still go by it.
        if (!leftAny) removeLease(this.#path);
      },
      (error: unknown) => log.warn({ err: error }, "the end of this worker could not be put on record"),
    );
    await inTime(ended, END_MS_MAX);
  }

  #tidyUp(): void {
    try {
      removeOldLeases(dirname(this.#path));
    } catch (error) {
      this.#options.log.warn({ err: error }, "old leases could not be removed");
    }
  }

  #beatIn(delayMs: number): void {
    if (this.#stopped) return;
    this.#beat = setLongTimer(() => {
      this.#beating = this.#renew();
    }, delayMs);
  }

  async #renew(): Promise<void> {
    const { database, log, heartbeatMs } = this.#options;
    let nextMs = heartbeatMs;
    try {
      const sentAtMs = bootTimeMs();
      if (await renewWorker(database, this.workerId)) this.#hold(sentAtMs);
      else await this.#beginAnew();
    } catch (error) {
      log.warn({ err: error }, "no sign of life could be given");
      nextMs = Math.min(heartbeatMs, BEAT_AGAIN_MS_MAX);
    }
    this.#beatIn(nextMs);
  }

  #hold(sentAtMs: number): void {
    const wasHeld = this.isHeld;
    if (!wasHeld) this.#heldSinceMs = sentAtMs;
    this.#heldUntilMs = sentAtMs + this.#options.fenceMs;
    try {
      writeLease(this.#path, this.#heldUntilMs);
    } catch (error) {
      this.#options.log.error({ err: error }, "session hosts cannot be told that this worker is alive");
    }
    this.#watch();
    if (!wasHeld) this.onHold();
  }

  /** Timers may be late, and do not count while the machine sleeps: the clock is asked when they ring. */
  #watch(): void {
    this.#fence?.cancel();
    if (this.#stopped) return;
    this.#fence = setLongTimer(() => {
      if (this.isHeld) this.#watch();
      else this.#giveUp("no sign of life has come through for too long: its sessions are stopped");
    }, this.#heldUntilMs - bootTimeMs());
  }

  #giveUp(why: string): void {
    this.#heldSinceMs = null;
    this.#options.log.error(why);
    this.onFence();
  }

  async #beginAnew(): Promise<void> {
    this.#heldUntilMs = -Infinity;
    this.#fence?.cancel();
    this.#giveUp("this worker was declared lost: its sessions are stopped, and it begins anew");
    this.#incarnation += 1;
    this.#workerId = currentWorkerId(this.#options.name, this.#incarnation);
    const sentAtMs = bootTimeMs();
    await this.#register();
    this.#hold(sentAtMs);
  }

  #register(): Promise<void> {
    const { database, version, leaseMs, taskId, sessionsDirectory } = this.#options;
    return registerWorker(database, { id: this.workerId, version, leaseMs, taskId, sessionsDirectory });
  }
}
