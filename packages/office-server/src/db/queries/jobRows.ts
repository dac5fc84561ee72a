import type { Execution, Job } from "office-contract/api/jobs.ts";
import type { JobState } from "office-contract/vocabulary.ts";
import type { Queryable } from "../connection.ts";
import { idsInStates, isOpen, OPEN_STATES, type OpenState } from "./openJobs.ts";

/** A row of `job_queue`, as the API shows it, and where it is in a list. */
export type JobRow = Job & { created_at_text: string };

/** A timestamp as the API shows it. */
const shown = (column: string): string =>
  `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS ${column.replace(/^\w+\./, "")}`;

/** A timestamp with its microseconds: text of these sorts as the times do, by its bytes. */
const placeText = (column: string): string => `(${column} AT TIME ZONE 'UTC')::text || '+00'`;

/** What is shown of a job `j`. Neither its command nor its environment is: they may hold secrets. */
export const JOB_COLUMNS = `j.id, j.office_id, j.task_id, j.key, j.role, j.agent_id, j.worktree_id, j.title, j.description AS prompt,
  j.status, CASE WHEN j.session ->> 'runtime' = 'external' THEN 'external' WHEN j.session ?| ARRAY['command', 'run'] THEN 'command' END AS runtime,
  j.depends_on, j.unmet_count, j.priority, j.attempt, j.retry_count, j.max_retries, j.timeout_ms::float8,
  ${["run_at", "created_at", "ready_at", "started_at", "completed_at", "cancelled_at"].map((name) => shown(`j.${name}`)).join(", ")},
  j.error_class, j.error_message, j.caused_by, j.result, j.pr_number, j.branch_name, j.metadata,
  ${placeText("j.created_at")} AS created_at_text`;

export async function jobRow(database: Queryable, officeId: string, jobId: string): Promise<JobRow | null> {
  const [row] = await database.query<JobRow>(
    "job_row",
    `SELECT ${JOB_COLUMNS} FROM job_queue j WHERE j.id = $2 AND j.office_id = $1`,
    [officeId, jobId],
  );
  return row ?? null;
}

/** A place in a list that is sorted by created_at and id. */
export interface JobPlace {
  /** To the microsecond, in UTC. */
  at: string;
  id: string;
}

export interface JobFilter {
  /** Null: any. */
  states: readonly JobState[] | null;
  role: string | null;
  taskId: string | null;
  /** Only those that come after it. */
  after: JobPlace | null;
  limit: number;
}

export interface JobPage {
  jobs: JobRow[];
  /** What comes after this place is yet to be looked at; null: nothing does. */
  next: JobPlace | null;
}

/** For one page so many jobs are looked at, at most. */
const LOOKED_AT_MAX = 20_000;
/** So many open jobs are sorted, rather than looked for among all jobs. */
const SORTED_MAX = 5_000;
/** Where a list begins. */
const NEWEST: JobPlace = { at: "infinity", id: "ffffffff-ffff-ffff-ffff-ffffffffffff" };

/**
 * An office's jobs that match, the newest first. What it costs is bounded, however many there are that do not match: so a page
 * may hold fewer than `limit`, none even, and yet not be the last.
 */
export async function findJobs(database: Queryable, officeId: string, filter: JobFilter): Promise<JobPage> {
  const { states, taskId } = filter;
  if (taskId !== null) return pageOf(await jobsOfTask(database, officeId, taskId, filter), filter);
  if (states?.every(isOpen) === true) {
    // Each once and in this order: the text of a query belongs to its name.
    const open = OPEN_STATES.filter((state) => states.includes(state));
    if (await areFew(database, officeId, open)) {
      return pageOf(await jobsInStates(database, officeId, open, filter), filter);
    }
  }
  return walkBack(database, officeId, filter);
}

function pageOf(rows: readonly JobRow[], { limit }: JobFilter): JobPage {
  const jobs = rows.slice(0, limit);
  const last = jobs.at(-1);
  const isLast = rows.length <= limit || last === undefined;
  return { jobs, next: isLast ? null : { at: last.created_at_text, id: last.id } };
}

/** $1 to $6 of the queries below. One row more than is asked for shows whether there is a next page. */
const valuesOf = (officeId: string, { states, role, after, limit }: JobFilter): unknown[] => {
  const { at, id } = after ?? NEWEST;
  return [officeId, states, role, at, id, limit + 1];
};

const MATCHES = "($2::text[] IS NULL OR j.status = ANY ($2)) AND ($3::text IS NULL OR j.role = $3)";
const IN_ORDER = "ORDER BY j.created_at DESC, j.id DESC LIMIT $6";

/** A task's jobs share its created_at, and are found by that. */
const jobsOfTask = (database: Queryable, officeId: string, taskId: string, filter: JobFilter): Promise<JobRow[]> =>
  database.query<JobRow>(
    "jobs_of_task",
    `SELECT ${JOB_COLUMNS} FROM job_queue j
     WHERE j.office_id = $1 AND j.created_at = (SELECT t.created_at FROM job_tasks t WHERE t.id = $7) AND j.task_id = $7
       AND (j.created_at, j.id) < ($4::timestamptz, $5::uuid) AND ${MATCHES} ${IN_ORDER}`,
    [...valuesOf(officeId, filter), taskId],
  );

async function areFew(database: Queryable, officeId: string, states: readonly OpenState[]): Promise<boolean> {
  const [row] = await database.query<{ count: number }>(
    `count_${states.join("_")}`,
    `SELECT count(*)::integer AS count FROM (SELECT 1 FROM (${idsInStates(states)}) f LIMIT ${SORTED_MAX + 1}) c`,
    [officeId],
  );
  return (row?.count ?? 0) <= SORTED_MAX;
}

const jobsInStates = (
  database: Queryable,
  officeId: string,
  states: readonly OpenState[],
  filter: JobFilter,
): Promise<JobRow[]> =>
  database.query<JobRow>(
    `jobs_${states.join("_")}`,
    `SELECT ${JOB_COLUMNS} FROM (SELECT DISTINCT id FROM (${idsInStates(states)}) a) f
     CROSS JOIN LATERAL (SELECT * FROM job_queue q WHERE q.id = f.id LIMIT 1) j
     WHERE (j.created_at, j.id) < ($4::timestamptz, $5::uuid) AND ${MATCHES} ${IN_ORDER}`,
    valuesOf(officeId, filter),
  );

/** Looks at one job after the other. Where it stopped is of the same moment as what it found. */
async function walkBack(database: Queryable, officeId: string, filter: JobFilter): Promise<JobPage> {
  const behind = "office_id = $1 AND (created_at, id) < ($4::timestamptz, $5::uuid) ORDER BY created_at DESC, id DESC";
  const rows = await database.query<(JobRow | { id: null }) & { stopped_at: [string, string] | null }>(
    "walk_back",
    `WITH page AS MATERIALIZED (
       SELECT ${JOB_COLUMNS} FROM (SELECT * FROM job_queue WHERE ${behind} LIMIT ${LOOKED_AT_MAX}) j
       WHERE ${MATCHES} ${IN_ORDER}
     )
     SELECT p.*, CASE WHEN (SELECT count(*) FROM page) < $6 THEN (
         SELECT ARRAY[${placeText("created_at")}, id::text] FROM job_queue WHERE ${behind} OFFSET ${LOOKED_AT_MAX - 1} LIMIT 1
       ) END AS stopped_at
     FROM (VALUES (1)) v LEFT JOIN page p ON true ORDER BY p.created_at_text COLLATE "C" DESC, p.id DESC`,
    valuesOf(officeId, filter),
  );
  const found = rows.flatMap(({ stopped_at: _place, ...row }) => (row.id === null ? [] : [row]));
  const [at, id] = rows[0]?.stopped_at ?? [];
  const page = pageOf(found, filter);
  return at === undefined || id === undefined ? page : { ...page, next: { at, id } };
}

export const EXECUTION_COLUMNS = `e.id, e.attempt, e.status, CASE WHEN e.lease_ms IS NULL THEN 'command' ELSE 'external' END AS runtime,
  e.worker_id, e.timeout_ms::float8, e.stop_cause, ${["started_at", "ended_at", "lease_until"].map((name) => shown(`e.${name}`)).join(", ")},
  e.exit_code, e.error_class, e.error_message`;

/** A job's executions, the first attempt first. */
export const jobExecutions = (database: Queryable, jobId: string): Promise<Execution[]> =>
  database.query<Execution>(
    "job_executions",
    `SELECT ${EXECUTION_COLUMNS} FROM job_queue j CROSS JOIN generate_series(1, j.attempt::integer) a
     JOIN job_executions e ON e.id = execution_id(j.id, a) WHERE j.id = $1 ORDER BY e.attempt`,
    [jobId],
  );

export interface JobReference {
  id: string;
  key: string | null;
  title: string;
  status: JobState;
}

const REFERENCES_MAX = 1_000;

/** What a job waits for. */
export const dependenciesOf = (database: Queryable, jobId: string): Promise<JobReference[]> =>
  database.query<JobReference>(
    "dependencies_of",
    `SELECT p.id, p.key, p.title, p.status FROM job_dependencies d JOIN job_queue p ON p.id = d.depends_on_id
     WHERE d.job_id = $1 ORDER BY p.created_at, p.id LIMIT ${REFERENCES_MAX}`,
    [jobId],
  );

/** What waits for a job. */
export const dependentsOf = (database: Queryable, jobId: string): Promise<JobReference[]> =>
  database.query<JobReference>(
    "dependents_of",
    `SELECT w.id, w.key, w.title, w.status FROM job_dependencies d JOIN job_queue w ON w.id = d.job_id
     WHERE d.depends_on_id = $1 ORDER BY w.created_at, w.id LIMIT ${REFERENCES_MAX}`,
    [jobId],
  );
