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

/** Whoever reports again, since the first answer got lost, reads here what became of it. */
async function isOver(database: Queryable, executionId: string): Promise<Refusal> {
  const execution = await executionState(database, executionId);
  const job = execution === null ? null : await jobState(database, execution.job_id);
  const became = execution === null ? "" : `, as ${execution.status}${job === null ? "" : ` (its job is ${job})`}`;
  return new Refusal("execution_is_over", `execution ${executionId} has ended already${became}; nothing was changed`);
}

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
  if (execution === null || !execution.live) throw await isOver(database, executionId);
  const { office_id: officeId, job_id: jobId } = execution;
  return database.transaction(async (transaction) => {
    await lockOffices(transaction, [officeId]);
    const held = await holdExternalExecution(transaction, executionId);
    if (held === null) throw await isOver(transaction, executionId);
    await append(transaction, executionId, completion.output);
    const settlements = [settlementOf(held, outcomeOf(completion))];
    const pass = { officeIds: [officeId], settlements, workerId: "none", claimsMax: 0, taskId: null };
    const { settled } = await runPass(transaction, pass);
    const status = await jobState(transaction, jobId);
    if (settled.length === 0 || status === null) throw await isOver(transaction, executionId);
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
export const renewLease = (database: Database, executionId: string, output: string | undefined): Promise<Lease> =>
  output === undefined || output === ""
    ? renew(database, executionId)
    : database.transaction(async (transaction) => {
        // The execution is held from here on, so that of reports that come at once none overwrites another's output.
        const lease = await renew(transaction, executionId);
        await append(transaction, executionId, output);
        return lease;
      });

async function renew(database: Queryable, executionId: string): Promise<Lease> {
  const [lease] = await database.query<Lease>("renew_lease", "SELECT until, stop FROM renew_lease($1)", [executionId]);
  if (lease === undefined) throw await isOver(database, executionId);
  return lease;
}

/** Adds to what an external session has written. The execution must be held. */
async function append(transaction: Queryable, executionId: string, output: string | undefined): Promise<void> {
  if (output === undefined || output === "") return;
  const startAt = await outputEnd(transaction, executionId);
  await appendOutput(transaction, [{ executionId, startAt, data: Buffer.from(output) }]);
}
