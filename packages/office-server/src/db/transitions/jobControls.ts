import type { JobState } from "office-contract/vocabulary.ts";
import type { Queryable } from "../connection.ts";

/** The state in which a job was found, which decides whether it was changed; null where there is no such job. */
type Found = JobState | null;

/** Changes the priority of a job that waits: see set_priority.sql. */
export const setPriority = (database: Queryable, officeId: string, jobId: string, priority: number): Promise<Found> =>
  found(database, "set_priority", "SELECT set_priority($1, $2, $3) AS found", [officeId, jobId, priority]);

/** Changes how long a job's sessions may run, in ms; the worker of a running one is to be told: see set_timeout.sql. */
export const setTimeoutMs = (database: Queryable, officeId: string, jobId: string, timeoutMs: number): Promise<Found> =>
  found(database, "set_timeout", "SELECT set_timeout($1, $2, $3) AS found", [officeId, jobId, timeoutMs]);

export interface HandOver {
  /** Null: it keeps its role. */
  role: string | null;
  /** Undefined: it keeps its agent. */
  agentId: string | null | undefined;
  /** Also a running job, whose session is to be stopped. */
  requeue: boolean;
}

/** Hands a job over to another role or agent: see hand_over_job.sql. */
export const handOverJob = (database: Queryable, officeId: string, jobId: string, handOver: HandOver): Promise<Found> =>
  found(database, "hand_over_job", "SELECT hand_over_job($1, $2, $3, $4, $5, $6) AS found", [
    officeId,
    jobId,
    handOver.role,
    handOver.agentId !== undefined,
    handOver.agentId ?? null,
    handOver.requeue,
  ]);

async function found(database: Queryable, name: string, text: string, values: unknown[]): Promise<Found> {
  const [row] = await database.query<{ found: Found }>(name, text, values);
  return row?.found ?? null;
}
