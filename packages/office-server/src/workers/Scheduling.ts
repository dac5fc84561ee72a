import { join } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { Database } from "../db/connection.ts";
import type { Config } from "../platform/config.ts";
import type { Logger } from "../platform/log.ts";
import { Repetition } from "../platform/repetition.ts";
import { pause, setLongTimer } from "../platform/timers.ts";
import { DependencyResolver } from "../services/scheduler/DependencyResolver.ts";
import { ExecutionQueue } from "../services/scheduler/ExecutionQueue.ts";
import { Reaper } from "../services/scheduler/Reaper.ts";
import { SIGNS_FILE } from "../services/scheduler/SeenSigns.ts";
import { SchedulerLoop } from "../services/scheduler/SchedulerLoop.ts";
import { WorkerLease } from "../services/scheduler/WorkerLease.ts";
import type { Recovery, RecoveryOptions } from "../services/session/recovery.ts";
import { createRecovery } from "./recovery.ts";
import { leasePathOf, sessionsDirectoryOf, WorkerSessions } from "./sessions.ts";

export interface SchedulingOptions {
  database: Database;
  config: Config;
  log: Logger;
  /** The one task to work for; null: all offices. */
  taskId: string | null;
  /** What becomes of sessions that a dead worker of this machine left running. */
  succession: RecoveryOptions["succession"];
  /** Told when a session's program has been started: how long that took, in ms. */
  onProgramStarted?: (startMs: number) => void;
}

const SIGN_CONNECT_MS_MAX = 4_000;
const RECOVERY_TRIES = 5;
const RECOVER_AGAIN_MS = 1_000;

/** What becomes of running sessions when a worker stops: awaited, left to another worker, or stopped. */
export type Departing = "finish" | "leave" | "interrupt";

/** What makes a process a worker: a lease, sessions, the loop that starts them, and an eye on workers that are gone. */
export class Scheduling {
  readonly lease: WorkerLease;
  readonly sessions: WorkerSessions;
  readonly queue: ExecutionQueue;
  readonly loop: SchedulerLoop;
  /** Signs of life must not wait until others have done with the connections. */
  readonly #leaseDatabase: Database;
  readonly #recovery: Recovery;
  readonly #recovering: Repetition;
  readonly #reaper: Reaper;
  readonly #log: Logger;

  constructor({ database, config, log, taskId, succession, onProgramStarted }: SchedulingOptions) {
    const { lease: timing, tickIntervalMs } = config;
    this.#log = log;
    this.#leaseDatabase = new Database({ ...database.options, connectionsMax: 1, connectMsMax: SIGN_CONNECT_MS_MAX });
    this.lease = new WorkerLease({
      ...timing,
      database: this.#leaseDatabase,
      log,
      name: config.workerName,
      version: manifest.version,
      taskId,
      sessionsDirectory: sessionsDirectoryOf(config.officeHome),
      leasePath: (incarnation) => leasePathOf(config.officeHome, incarnation),
    });
    this.sessions = new WorkerSessions({
      database,
      config,
      log,
      lease: () => this.lease.ofSessions,
      ...(onProgramStarted !== undefined && { onProgramStarted }),
    });
    const { runtime } = this.sessions;
    this.queue = new ExecutionQueue({ database, runtime, log, sessionsMax: config.maxSessions });
    const resolver = new DependencyResolver(database);
    this.loop = new SchedulerLoop({
      database,
      queue: this.queue,
      resolver,
      log,
      lease: this.lease,
      tickIntervalMs,
      ...(taskId !== null && { taskId }),
    });
    const onFreed = (officeId: string): void => this.loop.tell(officeId);
    this.#recovery = createRecovery(database, config, log, {
      workerId: () => this.lease.workerId,
      succession,
      isKnown: (executionId) => this.queue.has(executionId),
      adopt: (execution) => this.queue.adopt(execution),
      onSettled: onFreed,
    });
    this.#recovering = new Repetition(timing.reapMs, async () => {
      if (!this.lease.isHeld) return;
      try {
        await this.#recovery.run();
      } catch (error) {
        log.warn({ err: error }, "could not look for sessions that were left behind");
      }
    });
    const { reapMs: everyMs, lossesMax, heartbeatMs: heldForMsMin } = timing;
    const signsPath = join(sessionsDirectoryOf(config.officeHome), SIGNS_FILE);
    this.#reaper = new Reaper({
      database,
      log,
      everyMs,
      lossesMax,
      heldForMsMin,
      lease: this.lease,
      signsPath,
      onFreed,
    });
    this.lease.onFence = () => this.#stopSessions();
    this.lease.onHold = () => void this.loop.tick();
  }

  /** Resolves when jobs are being scheduled. Before anything is claimed, what dead workers left is taken care of. */
  async start(): Promise<void> {
    this.sessions.warmUp();
    await this.lease.start();
    await this.#recoverFirst();
    await this.loop.start();
    this.#recovering.start();
    this.#reaper.start();
  }

  /** A database that does not answer for a moment is asked again: nobody is to start all over for that. */
  async #recoverFirst(): Promise<void> {
    for (let triesLeft = RECOVERY_TRIES; ; ) {
      try {
        await this.#recovery.run();
        return;
      } catch (error) {
        triesLeft -= 1;
        if (triesLeft === 0) throw error;
        this.#log.warn({ err: error }, "could not look for sessions that were left behind, and will try again");
        await pause(RECOVER_AGAIN_MS);
      }
    }
  }

  /** Claims nothing more, and resolves when running sessions have come to what `sessions` says. May be called twice. */
  async stop(sessions: Departing): Promise<void> {
    await Promise.all([this.#reaper.stop(), this.#recovering.stop(), this.loop.stop(sessions)]);
    await this.sessions.close();
    await this.lease.stop();
    await this.#leaseDatabase.close();
  }

  /** The lease is over: sessions are asked to stop, and what does not is killed before anybody else may start it. */
  #stopSessions(): void {
    this.queue.interruptAll();
    setLongTimer(() => {
      if (!this.lease.isHeld) void this.sessions.killAll();
    }, this.lease.ofSessions.graceMs);
  }
}
