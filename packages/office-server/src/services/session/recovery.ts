import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Database, PROMPT } from "../../db/connection.ts";
import { type LiveExecution, liveExecutions } from "../../db/queries/liveExecutions.ts";
import { lockOffices } from "../../db/transitions/lockOffices.ts";
import { runPass, type Settlement } from "../../db/transitions/runPass.ts";
import { countWorkerLosses, takeOver } from "../../db/transitions/workerLosses.ts";
import type { Exit } from "../../domain/lifecycle.ts";
import { afterWorkerLoss, decideExit } from "../../domain/retryPolicy.ts";
import type { Logger } from "../../platform/log.ts";
import { isAlive, isJudgedHere } from "../../platform/processIdentity.ts";
import { randomFraction } from "../../platform/random.ts";
import { workerProcess } from "../../platform/workerId.ts";
import { outputPath, readRecord } from "./host/records.ts";
import { endSession, inspectSession } from "./leftBehind.ts";
import { judgeSession } from "./OutputMonitor.ts";

/** What to do with a session that runs and whose worker is gone: go on with it, stop it, or leave it to somebody else. */
export type Succession = "adopt" | "stop" | "leave";

export interface RecoveryOptions {
  database: Database;
  log: Logger;
  /** Absolute. Where this machine's sessions are. */
  sessionsDirectory: string;
  /** Whether every worker of this database runs on this machine, as with the embedded database. */
  onlyThisMachine: boolean;
  termGraceMs: number;
  /** A job under which so many workers were lost is not run again by itself. */
  lossesMax: number;
  /** The name under which sessions are taken over, and ends put on record. */
  workerId: () => string;
  succession: (execution: LiveExecution) => Succession;
  /** Whether an execution is this worker's, as far as it knows. */
  isKnown: (executionId: string) => boolean;
  /** Called with what this worker has taken over. */
  adopt: (execution: LiveExecution) => void;
  /** Called with the sessions' folders by execution, when nothing of them runs any more. */
  beforeSettling: (directories: ReadonlyMap<string, string>) => Promise<void>;
  /** Called when something in an office was put on record. */
  onSettled: (officeId: string) => void;
}

/**
 * Reconciles what is on record as running with what runs on this machine, where the worker is gone (DESIGN.md §3.7): an exit
 * that is on disk is put on record; a session whose host lives is taken over; what is left of one whose host is dead is
 * stopped, and the execution counts as lost. Executions of living workers and of other machines are left alone.
 */
export class Recovery {
  readonly #options: RecoveryOptions;

  constructor(options: RecoveryOptions) {
    this.#options = options;
  }

  /** Resolves when all that can be told is on record or taken over, with how many executions those are. */
  async run(): Promise<{ settled: number; adopted: number }> {
    const { database } = this.#options;
    const left = (await liveExecutions(database)).filter((execution) => this.#isLeftBehind(execution));
    const running: LiveExecution[] = [];
    const ended: LiveExecution[] = [];
    for (const execution of left) {
      const { state } = inspectSession(this.#directoryOf(execution));
      if (state !== "running") ended.push(execution);
      else if (this.#options.succession(execution) === "adopt") running.push(execution);
      else if (this.#options.succession(execution) === "stop") ended.push(execution);
    }
    return {
      adopted: await this.#inEachOffice(running, (ofOffice) => this.#adopt(ofOffice)),
      settled: await this.#inEachOffice(ended, (ofOffice) => this.#settle(ofOffice)),
    };
  }

  /** An office that is held by somebody holds up no other: sessions wait to be taken over, and not for long. */
  async #inEachOffice(
    executions: readonly LiveExecution[],
    act: (ofOffice: readonly LiveExecution[]) => Promise<number>,
  ): Promise<number> {
    const counts = [...Map.groupBy(executions, ({ office_id: id }) => id)].map(([officeId, ofOffice]) =>
      act(ofOffice).catch((error: unknown) => {
        this.#options.log.warn({ err: error, office_id: officeId }, "sessions that were left behind have to wait");
        return 0;
      }),
    );
    return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
  }

  #isLeftBehind({ external, execution_id: id, worker_id: workerId, worker }: LiveExecution): boolean {
    const { sessionsDirectory, onlyThisMachine, isKnown } = this.#options;
    if (external || isKnown(id)) return false;
    const hasFolder = existsSync(join(sessionsDirectory, id));
    // It was taken over, and the answer got lost. Without a folder it is a claim, of which the scheduler sees to itself.
    if (workerId === this.#options.workerId()) return hasFolder;
    // One without a folder was claimed, and nothing of it has started.
    const isHere = onlyThisMachine || hasFolder || worker.sessions_directory === sessionsDirectory;
    // What has left another machine, or another container, may have left sessions running there: their lease has the say.
    const identity = workerProcess(workerId);
    const hasLeft = worker.left && identity !== null && isJudgedHere(identity);
    return isHere && (hasLeft || isGone(workerId, onlyThisMachine));
  }

  #directoryOf({ execution_id: id }: LiveExecution): string {
    return join(this.#options.sessionsDirectory, id);
  }

  /** Another worker may be doing the same: the database says who gets what. */
  async #adopt(executions: readonly LiveExecution[]): Promise<number> {
    const { database, log, workerId, adopt } = this.#options;
    const taken = await database.transaction(async (transaction) => {
      await lockOffices(transaction, officesOf(executions));
      return takeOver(transaction, executions, workerId());
    }, PROMPT);
    if (taken.size > 0) log.info({ executions: taken.size }, "sessions of a worker that is gone were taken over");
    for (const execution of executions) if (taken.has(execution.execution_id)) adopt(execution);
    return taken.size;
  }

  async #settle(executions: readonly LiveExecution[]): Promise<number> {
    const { database, log, workerId, beforeSettling, onSettled } = this.#options;
    const exits = new Map<string, Exit | null>();
    await Promise.all(executions.map(async (one) => exits.set(one.execution_id, await this.#exitOf(one))));
    await beforeSettling(new Map(executions.map((one) => [one.execution_id, this.#directoryOf(one)])));
    const officeIds = officesOf(executions);
    const settled = await database.transaction(async (transaction) => {
      await lockOffices(transaction, officeIds);
      const lost = executions.filter(({ execution_id: id }) => exits.get(id) === null);
      const losses = await countWorkerLosses(
        transaction,
        lost.map(({ execution_id: id }) => id),
      );
      const settlements = executions.map((execution) =>
        this.#settlementOf(
          execution,
          exits.get(execution.execution_id) ??
            afterWorkerLoss(losses.get(execution.job_id) ?? 0, this.#options.lossesMax),
        ),
      );
      const request = { officeIds, settlements, workerId: workerId(), claimsMax: 0, taskId: null };
      return (await runPass(transaction, request)).settled;
    }, PROMPT);
    if (settled.length > 0)
      log.info({ executions: settled.length }, "executions of a worker that is gone were put on record");
    for (const officeId of officeIds) onSettled(officeId);
    return settled.length;
  }

  #settlementOf(execution: LiveExecution, exit: Exit): Settlement {
    const directory = this.#directoryOf(execution);
    return {
      executionId: execution.execution_id,
      jobId: execution.job_id,
      officeId: execution.office_id,
      fencingToken: execution.fencing_token,
      exit,
      details: existsSync(directory) ? { output: directory } : {},
    };
  }

  /** How it ended by its host's record; null: lost. */
  async #exitOf(execution: LiveExecution): Promise<Exit | null> {
    const directory = this.#directoryOf(execution);
    const { state } = inspectSession(directory);
    if (state === "running" || state === "orphaned") await endSession(directory, this.#options.termGraceMs);
    // Its program may have ended by itself, and only what it started was still there to be stopped.
    const spec = readRecord(directory, "spec");
    const exit = readRecord(directory, "exit");
    if (spec === null || exit === null || exit.stopCause === "interrupted") return null;
    const outcome = await judgeSession(spec.command, outputPath(directory), exit);
    return decideExit(outcome, {
      retryCount: execution.retry_count,
      maxRetries: execution.max_retries,
      config: execution.config,
      random: randomFraction(),
    });
  }
}

/**
 * Whether a worker's process is certainly gone. One of another run of this machine's system is, where nobody else can be
 * meant; of one on another machine nothing can be told but by its lease.
 */
export function isGone(workerId: string, onlyThisMachine: boolean): boolean {
  const identity = workerProcess(workerId);
  if (identity === null) return false;
  return isJudgedHere(identity) ? !isAlive(identity) : onlyThisMachine;
}

const officesOf = (executions: readonly LiveExecution[]): string[] => [
  ...new Set(executions.map(({ office_id: id }) => id)),
];
