import type { Queryable } from "../connection.ts";
import { storableJson } from "../storableJson.ts";
import type { NewJob } from "./submitTask.ts";

/**
 * Gives jobs that are neither running nor done a new definition: how they are run, not what they depend on. Part of the
 * caller's transaction, which must hold the office's lock.
 */
export async function redefineJobs(transaction: Queryable, officeId: string, jobs: readonly NewJob[]): Promise<void> {
  await transaction.query(
    "redefine_jobs",
    `UPDATE job_queue j SET role = s.role, title = s.title, description = s.description, session = s.session,
       priority = s.priority, timeout_ms = s.timeout_ms, max_retries = s.max_retries
     FROM jsonb_to_recordset($2::jsonb) AS s(id uuid, role text, title text, description text, session jsonb,
       priority integer, timeout_ms bigint, max_retries integer)
     WHERE j.id = s.id AND j.office_id = $1 AND j.status NOT IN ('processing', 'done')`,
    [officeId, storableJson(jobs)],
  );
}
