import type { Job } from "office-contract/api/jobs.ts";
import type { Queryable } from "../connection.ts";
import { JOB_COLUMNS, type JobRow } from "./jobRows.ts";

export interface SubmissionOfficeRow {
  status: string;
  repo_path: string | null;
  /** The roles that it knows how to run. */
  roles: string[];
}

/** What of an office a submission leans on; null when there is no such office. */
export async function submissionOffice(database: Queryable, officeId: string): Promise<SubmissionOfficeRow | null> {
  const [row] = await database.query<SubmissionOfficeRow>(
    "submission_office",
    `SELECT status, repo_path, ARRAY(
       SELECT r.key FROM jsonb_each(roles) r WHERE r.value ?| ARRAY['command', 'run', 'runtime']
     ) AS roles FROM offices WHERE id = $1`,
    [officeId],
  );
  return row ?? null;
}

/** Those of some ids that are jobs of an office. */
export async function jobsAmong(database: Queryable, officeId: string, ids: readonly string[]): Promise<Set<string>> {
  const rows = await database.query<{ id: string }>(
    "jobs_among",
    "SELECT id FROM job_queue WHERE id = ANY ($2::uuid[]) AND office_id = $1",
    [officeId, ids],
  );
  return new Set(rows.map(({ id }) => id));
}

/** The answer to a request that was sent under an Idempotency-Key. */
export interface FirstAnswer {
  request_hash: Buffer;
  answer: string;
}

export async function firstAnswer(database: Queryable, officeId: string, key: string): Promise<FirstAnswer | null> {
  const [row] = await database.query<FirstAnswer>(
    "first_answer",
    "SELECT request_hash, answer FROM scheduler_answers WHERE office_id = $1 AND idempotency_key = $2",
    [officeId, key],
  );
  return row ?? null;
}

/** Keeps the answer to a request, in the transaction that carries it out. */
export async function keepAnswer(
  transaction: Queryable,
  { officeId, key, requestHash, answer }: { officeId: string; key: string; requestHash: Buffer; answer: string },
): Promise<void> {
  await transaction.query(
    "keep_answer",
    "INSERT INTO scheduler_answers (office_id, idempotency_key, request_hash, answer) VALUES ($1, $2, $3, $4)",
    [officeId, key, requestHash, answer],
  );
}

/** Jobs as the API shows them, in the order of their ids. */
export async function jobsInOrder(database: Queryable, ids: readonly string[]): Promise<Job[]> {
  const rows = await database.query<JobRow>(
    "jobs_in_order",
    `SELECT ${JOB_COLUMNS} FROM unnest($1::uuid[]) WITH ORDINALITY AS i(id, n) JOIN job_queue j ON j.id = i.id ORDER BY i.n`,
    [ids],
  );
  return rows.map(({ created_at_text: _place, ...job }) => job);
}
