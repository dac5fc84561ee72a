import type { ErrorClass, JobState } from "office-contract/vocabulary.ts";
import type { Database, Queryable } from "../../db/connection.ts";
import { appendOutput } from "../../db/output.ts";
import { outputEnd } from "../../db/queries/outputEnd.ts";
import { lockOffices } from "../../db/transitions/lockOffices.ts";
import { runPass } from "../../db/transitions/runPass.ts";
import type { SessionOutcome, StopCause } from "../../domain/outcome.ts";
import { Refusal } from "../../domain/refusal.ts";
import { executionState, holdExternalExecution, jobState, settlementOf } from "./externalExecution.ts";

/** What a service says of a session that it has run to its end. */
export interface Completion {
  success: boolean;
  error?: { class: ErrorClass; message: string } | undefined;
  result?: unknown;
  /** What the session wrote since the last report. */
  output?: string | undefined;
}

export interface Completed {
  executionId: string;
  officeId: string;
  jobId: string;
  /** The job's state now. */
  status: JobState;
}

const isOver = (executionId: string): Refusal =>
  new Refusal("execution_is_over", `execution ${executionId} has ended already; nothing was changed`);

/**
 * Puts the end of an external session on record.
 *
 * @throws Refusal for an execution that has ended
 */
export async function completeExecution(
  database: Database,
  executionId: string,
  completion: Completion,
): Promise<Completed> {
  const execution = await executionState(database, executionId);
  if (execution === null || !execution.live) throw isOver(executionId);
  const { office_id: officeId, job_id: jobId } = execution;
  return database.transaction(async (transaction) => {
    await lockOffices(transaction, [officeId]);
    const held = await holdExternalExecution(transaction, executionId);
    if (held === null) throw isOver(executionId);
    await append(transaction, executionId, completion.output);
    const settlements = [settlementOf(held, outcomeOf(completion))];
    const pass = { officeIds: [officeId], settlements, workerId: "none", claimsMax: 0, taskId: null };
    const { settled } = await runPass(transaction, pass);
    const status = await jobState(transaction, jobId);
    if (settled.length === 0 || status === null) throw isOver(executionId);
    return { executionId, officeId, jobId, status };
  });
}

const outcomeOf = ({ success, error, result }: Completion): SessionOutcome => {
  if (success) return { kind: "finished", result };
  const { class: errorClass = "SESSION_CRASH", message = "the session did not succeed, and gave no reason" } =
    error ?? {};
  return { kind: "failed", errorClass, message, exitCode: null };
};

export interface Lease {
  until: Date;
  /** Why the session must stop; null: it may go on. */
  stop: StopCause | null;
}

/**
 * An external session is alive: its lease is renewed, unless it is to stop.
 *
 * @throws Refusal for an execution that has ended
 */
export async function renewLease(database: Database, executionId: string, output: string | undefined): Promise<Lease> {
  const [lease] = await database.query<{ until: Date; stop: StopCause | null }>(
    "renew_lease",
    "SELECT until, stop FROM renew_lease($1)",
    [executionId],
  );
  if (lease === undefined) throw isOver(executionId);
  await append(database, executionId, output);
  return lease;
}

/** Adds to what an external session has written. Reports of one session come one after the other. */
async function append(database: Queryable, executionId: string, output: string | undefined): Promise<void> {
  if (output === undefined || output === "") return;
  const startAt = await outputEnd(database, executionId);
  await appendOutput(database, [{ executionId, startAt, data: Buffer.from(output) }]);
}
