import { join } from "node:path";
import type { Database } from "../db/connection.ts";
import { storedOutput } from "../db/queries/storedOutput.ts";
import type { Config } from "../platform/config.ts";
import { LEASE_FILE } from "../platform/leaseFile.ts";
import type { Logger } from "../platform/log.ts";
import type { SessionLease } from "../services/session/host/records.ts";
import { OutputShipper } from "../services/session/OutputShipper.ts";
import type { SessionRuntime } from "../services/session/runtime.ts";
import { SessionOrchestrator } from "../services/session/SessionOrchestrator.ts";
import { ShippedRuntime } from "../services/session/ShippedRuntime.ts";

/** What a session gets from SIGTERM to SIGKILL. */
export const TERM_GRACE_MS = 10_000;

export const sessionsDirectoryOf = (officeHome: string): string => join(officeHome, "sessions");

/** Where session hosts see that an incarnation of this process holds its lease. */
export const leasePathOf = (officeHome: string, incarnation: number): string =>
  join(sessionsDirectoryOf(officeHome), `${LEASE_FILE}${process.pid}-${incarnation}`);

export interface WorkerSessionsOptions {
  database: Database;
  config: Config;
  log: Logger;
  /** What sessions that are started now go by. */
  lease: () => SessionLease;
  /** Told when a session's program has been started: how long that took, in ms. */
  onProgramStarted?: (startMs: number) => void;
}

/** The sessions of one worker process: programs in hosts of their own, whose output is brought into the database. */
export class WorkerSessions {
  readonly runtime: SessionRuntime;
  readonly #orchestrator: SessionOrchestrator;
  readonly #shipper: OutputShipper;

  constructor({ database, config, log, lease, onProgramStarted }: WorkerSessionsOptions) {
    const sessionsDirectory = sessionsDirectoryOf(config.officeHome);
    this.#orchestrator = new SessionOrchestrator({
      sessionsDirectory,
      environment: config.environment,
      termGraceMs: TERM_GRACE_MS,
      lease,
      log: (message) => log.warn(message),
      ...(onProgramStarted !== undefined && { onProgramStarted }),
    });
    this.#shipper = new OutputShipper({ database, log });
    this.runtime = new ShippedRuntime(this.#orchestrator, this.#shipper, sessionsDirectory);
  }

  /** Makes the first session start as fast as all others. Optional. */
  warmUp(): void {
    this.#orchestrator.warmUp();
  }

  /** Kills every session, without a grace. Their ends are reported as usual. */
  killAll(): Promise<void> {
    return this.#orchestrator.killAll();
  }

  /** Ends what waits for sessions, and stores what they wrote. Those that run go on: they need no worker. */
  async close(): Promise<void> {
    await Promise.all([this.#orchestrator.close(), this.#shipper.stop()]);
  }
}

/** Stores what sessions wrote after their worker had died. */
export async function shipRest(
  database: Database,
  log: Logger,
  directories: ReadonlyMap<string, string>,
): Promise<void> {
  const shipper = new OutputShipper({ database, log });
  const stored = await storedOutput(database, [...directories.keys()]);
  for (const [executionId, directory] of directories) {
    shipper.follow(executionId, directory, stored.get(executionId) ?? 0);
  }
  await shipper.stop();
}
