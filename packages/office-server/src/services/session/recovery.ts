import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Database } from "../../db/connection.ts";
import { type LiveExecution, liveExecutions } from "../../db/queries/liveExecutions.ts";
import { runPass, type Settlement } from "../../db/transitions/runPass.ts";
import { type Exit, workerLost } from "../../domain/lifecycle.ts";
import { decideExit } from "../../domain/retryPolicy.ts";
import type { Logger } from "../../platform/log.ts";
import { isAlive } from "../../platform/processIdentity.ts";
import { randomFraction } from "../../platform/random.ts";
import { workerProcess } from "../../platform/workerId.ts";
import { outputPath, readRecord } from "./host/records.ts";
import { endSession, inspectSession } from "./leftBehind.ts";
import { judgeSession } from "./OutputMonitor.ts";

export interface RecoveryOptions {
  database: Database;
  /** Absolute. Where this machine's sessions are. */
  sessionsDirectory: string;
  workerId: string;
  /** Whether every worker of this database runs on this machine, as with the embedded database. */
  onlyThisMachine: boolean;
  termGraceMs: number;
  /** Called with the sessions' folders by execution, when nothing of them runs any more. */
  beforeSettling?: (directories: ReadonlyMap<string, string>) => Promise<void>;
  log: Logger;
}

/**
 * Puts on record what became of executions whose worker on this machine has died: the exit that their session's host
 * wrote down, or that they are lost. Sessions that still run without a worker are stopped first, so that nothing runs
 * twice. Executions of living workers and of other machines are left alone. Returns how many it settled.
 */
export async function recoverExecutions(options: RecoveryOptions): Promise<number> {
  const { database, workerId, log } = options;
  const left = (await liveExecutions(database)).filter((execution) => isLeftBehind(execution, options));
  const settlements = await Promise.all(left.map((execution) => settle(execution, options)));
  if (settlements.length === 0) return 0;
  await options.beforeSettling?.(directoriesOf(left, options));
  const officeIds = [...new Set(settlements.map(({ officeId }) => officeId))];
  const { settled } = await runPass(database, { officeIds, settlements, workerId, claimsMax: 0, taskId: null });
  log.info({ executions: settled.length }, "executions of a worker that is gone were put on record");
  return settled.length;
}

const isLeftBehind = (execution: LiveExecution, { sessionsDirectory, onlyThisMachine }: RecoveryOptions): boolean => {
  if (execution.external) return false;
  const worker = workerProcess(execution.worker_id);
  if (worker === null || isAlive(worker)) return false;
  return onlyThisMachine || existsSync(join(sessionsDirectory, execution.execution_id));
};

const directoriesOf = (left: readonly LiveExecution[], { sessionsDirectory }: RecoveryOptions): Map<string, string> =>
  new Map(left.map(({ execution_id: id }) => [id, join(sessionsDirectory, id)]));

const settle = async (execution: LiveExecution, options: RecoveryOptions): Promise<Settlement> => {
  const directory = join(options.sessionsDirectory, execution.execution_id);
  return {
    executionId: execution.execution_id,
    jobId: execution.job_id,
    officeId: execution.office_id,
    fencingToken: execution.fencing_token,
    exit: await exitOf(execution, directory, options.termGraceMs),
    details: existsSync(directory) ? { output: directory } : {},
  };
};

const exitOf = async (execution: LiveExecution, directory: string, termGraceMs: number): Promise<Exit> => {
  const { state } = inspectSession(directory);
  if (state === "running" || state === "orphaned") await endSession(directory, termGraceMs);
  // Its program may have ended by itself, and only what it started was still there to be stopped.
  const spec = readRecord(directory, "spec");
  const exit = readRecord(directory, "exit");
  if (spec === null || exit === null || exit.stopCause === "interrupted") return workerLost();
  const outcome = await judgeSession(spec.command, outputPath(directory), exit);
  return decideExit(outcome, {
    retryCount: execution.retry_count,
    maxRetries: execution.max_retries,
    config: execution.config,
    random: randomFraction(),
  });
};
