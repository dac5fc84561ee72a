import type { JobSchedulerConfig } from "office-contract/config.ts";
import type { SessionSpec } from "office-contract/session.ts";
import type { Exit } from "../../domain/lifecycle.ts";
import type { Queryable } from "../connection.ts";
import { storableJson } from "../storableJson.ts";

/** What to record of one execution whose session has ended. */
export interface Settlement {
  executionId: string;
  jobId: string;
  officeId: string;
  fencingToken: string;
  exit: Exit;
  /** Further facts for the event's `details`. */
  details: Record<string, unknown>;
}

/** An execution that a claim has started, with all that its session needs. Named as in the database. */
export interface ClaimedJob {
  execution_id: string;
  fencing_token: string;
  office_id: string;
  task_id: string | null;
  job_id: string;
  key: string | null;
  role: string;
  attempt: number;
  title: string;
  description: string | null;
  session: SessionSpec | null;
  timeout_ms: number;
  retry_count: number;
  max_retries: number;
}

export interface PassRequest {
  /** The offices to settle and to claim in. Must hold those of the settlements. */
  officeIds: readonly string[];
  settlements: readonly Settlement[];
  workerId: string;
  /** Most executions to start; null: as many as the offices allow. */
  claimsMax: number | null;
  /** Claim jobs of this task only; null: of all. */
  taskId: string | null;
}

export interface PassResult {
  /** The executions that were ended. Those that are missing were not ours any more, and nothing changed. */
  settled: string[];
  /** Jobs that became ready. */
  activated: number;
  claimed: ClaimedJob[];
  /** The settings of the offices that jobs were claimed in. */
  configs: Record<string, JobSchedulerConfig>;
}

/** A pass waits for its offices' locks, and takes a moment. */
const PASS_MS_MAX = 10_000;

/** Carries out one scheduling pass in one transaction and one round trip: see run_pass.sql. */
export async function runPass(database: Queryable, request: PassRequest): Promise<PassResult> {
  const [row] = await database.query<{ pass: PassResult }>(
    "run_pass",
    "SELECT run_pass($1, $2, $3, $4, $5, $6) AS pass",
    [
      request.officeIds,
      request.settlements.map(({ executionId }) => executionId),
      storableJson(asParameter(request.settlements)),
      request.workerId,
      request.claimsMax,
      request.taskId,
    ],
    { timeoutMs: PASS_MS_MAX },
  );
  if (row === undefined) throw new Error("run_pass returned no row");
  return row.pass;
}

/** Keyed by job, of which only one execution can be live. */
const asParameter = (settlements: readonly Settlement[]) =>
  Object.fromEntries(settlements.map((settlement) => [settlement.jobId, asRow(settlement)]));

/** What says nothing is left out: reading this JSON is a good part of what a pass costs. */
const asRow = ({ executionId, fencingToken, exit, details }: Settlement) => ({
  execution_id: executionId,
  fencing_token: fencingToken,
  execution_status: exit.executionState,
  job_status: exit.jobState,
  retry_delay_ms: exit.jobState === "pending" ? exit.retryDelayMs : undefined,
  costs_retry: exit.costsRetry || undefined,
  error_class: exit.errorClass ?? undefined,
  error_message: exit.errorMessage ?? undefined,
  exit_code: exit.exitCode ?? undefined,
  result: exit.result ?? undefined,
  details: exit.jobState === "done" ? details : { ...details, ...failureDetails(exit) },
});

const failureDetails = (exit: Exit) => ({
  ...(exit.way === "retrying" ? { retry_delay_ms: exit.retryDelayMs } : { reason: exit.way }),
  error_class: exit.errorClass,
  message: exit.errorMessage,
  exit_code: exit.exitCode,
});
