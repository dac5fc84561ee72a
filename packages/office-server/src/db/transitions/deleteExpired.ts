import type { Queryable } from "../connection.ts";

/** Where a look through an office's jobs, from the oldest on, has got to. */
export interface JobPlace {
  /** As the database writes it: to the microsecond. */
  created_at: string;
  id: string;
}

export interface ExpiredJobs {
  /** Those that may be deleted. */
  jobs: string[];
  /** The last one that was looked at; null when there is none left that is old enough. */
  last: JobPlace | null;
}

/** Looks at an office's next jobs behind a place (null: from the oldest on): see find_expired_jobs.sql. Locks nothing. */
export async function findExpiredJobs(
  database: Queryable,
  officeId: string,
  before: string,
  { after, limit }: { after: JobPlace | null; limit: number },
): Promise<ExpiredJobs> {
  const [row] = await database.query<{ jobs: string[]; last_created_at: string | null; last_id: string | null }>(
    "find_expired_jobs",
    "SELECT jobs, last_created_at, last_id FROM find_expired_jobs($1, $2, $3, $4, $5)",
    [officeId, before, after?.created_at ?? null, after?.id ?? null, limit],
  );
  const { jobs = [], last_created_at: createdAt = null, last_id: id = null } = row ?? {};
  return { jobs, last: createdAt === null || id === null ? null : { created_at: createdAt, id } };
}

/** Deletes jobs that have expired, and returns how many: see delete_expired_jobs.sql. Null: another process is at it. */
export const deleteExpiredJobs = (
  database: Queryable,
  officeId: string,
  before: string,
  jobs: readonly string[],
): Promise<number | null> =>
  count(database, "delete_expired_jobs", "SELECT delete_expired_jobs($1, $2, $3) AS count", [officeId, before, jobs]);

/** Deletes the oldest events of an office, and returns how many: see delete_expired_events.sql. Null: another process is at it. */
export const deleteExpiredEvents = (
  database: Queryable,
  officeId: string,
  before: string,
  limit: number,
): Promise<number | null> =>
  count(database, "delete_expired_events", "SELECT delete_expired_events($1, $2, $3) AS count", [
    officeId,
    before,
    limit,
  ]);

/** Deletes what sessions of some jobs have written. Takes no office's lock: it may be much. */
export async function deleteOutputOf(database: Queryable, jobs: readonly string[]): Promise<void> {
  await database.query(
    "delete_output_of",
    `DELETE FROM job_output p WHERE p.execution_id = ANY (ARRAY(
       SELECT execution_id(j.id, a) FROM job_queue j, generate_series(1, j.attempt) a WHERE j.id = ANY ($1)
     ))`,
    [jobs],
  );
}

/** Forgets first answers to requests that are older than so many days, at most `limit`. Returns how many. */
export async function deleteOldAnswers(database: Queryable, days: number, limit: number): Promise<number> {
  const rows = await database.query(
    "delete_old_answers",
    `DELETE FROM scheduler_answers a WHERE a.ctid = ANY (ARRAY(
       SELECT x.ctid FROM scheduler_answers x WHERE x.created_at < scheduler_now() - make_interval(days => $1)
       ORDER BY x.created_at LIMIT $2
     )) RETURNING 1`,
    [days, limit],
  );
  return rows.length;
}

async function count(database: Queryable, name: string, text: string, values: unknown[]): Promise<number | null> {
  const [row] = await database.query<{ count: number | null }>(name, text, values);
  return row?.count ?? null;
}
