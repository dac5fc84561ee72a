import type { Execution, Job } from "office-contract/api/jobs.ts";
import type { JobState } from "office-contract/vocabulary.ts";
import type { Queryable } from "../connection.ts";

/** A row of `job_queue`, as the API shows it, and where it is in a list. */
export type JobRow = Job & { created_at_text: string };

/** A timestamp as the API shows it. */
const shown = (column: string): string =>
  `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS ${column.replace(/^\w+\./, "")}`;

/** What is shown of a job `j`. Neither its command nor its environment is: they may hold secrets. */
export const JOB_COLUMNS = `j.id, j.office_id, j.task_id, j.key, j.role, j.agent_id, j.worktree_id, j.title, j.description AS prompt,
  j.status, CASE WHEN j.session ->> 'runtime' = 'external' THEN 'external' WHEN j.session ?| ARRAY['command', 'run'] THEN 'command' END AS runtime,
  j.depends_on, j.unmet_count, j.priority, j.attempt, j.retry_count, j.max_retries, j.timeout_ms::float8,
  ${["run_at", "created_at", "ready_at", "started_at", "completed_at", "cancelled_at"].map((name) => shown(`j.${name}`)).join(", ")},
  j.error_class, j.error_message, j.caused_by, j.result, j.pr_number, j.branch_name, j.metadata,
  (j.created_at AT TIME ZONE 'UTC')::text || '+00' AS created_at_text`;

export async function jobRow(database: Queryable, officeId: string, jobId: string): Promise<JobRow | null> {
  const [row] = await database.query<JobRow>(
    "job_row",
    `SELECT ${JOB_COLUMNS} FROM job_queue j WHERE j.id = $2 AND j.office_id = $1`,
    [officeId, jobId],
  );
  return row ?? null;
}

export interface JobFilter {
  /** Null: any. */
  states: readonly JobState[] | null;
  role: string | null;
  taskId: string | null;
  /** Only those that come after it. */
  after: { at: string; id: string } | null;
  limit: number;
}

/**
 * An office's jobs, the newest first. Jobs that wait or run are found by the indexes of these, whatever there is besides;
 * others by walking back through the office's jobs.
 */
export function findJobs(database: Queryable, officeId: string, filter: JobFilter): Promise<JobRow[]> {
  const { states, role, taskId, after, limit } = filter;
  const values = [officeId, states, role, taskId, after?.at ?? null, after?.id ?? null, limit];
  const live = states !== null && states.every((state) => state in LIVE);
  const from = live
    ? `(${states.map((state) => LIVE[state]).join(" UNION ")}) c JOIN job_queue j ON j.id = c.id`
    : "job_queue j";
  const name = live ? `find_jobs_${states.toSorted((a, b) => a.localeCompare(b)).join("_")}` : "find_jobs";
  // A task's jobs share its created_at, and are found by that.
  const ofTask = `AND ($4::uuid IS NULL OR (j.task_id = $4 AND j.created_at = (SELECT t.created_at FROM job_tasks t WHERE t.id = $4)))`;
  return database.query<JobRow>(
    taskId === null ? name : `${name}_of_task`,
    `SELECT ${JOB_COLUMNS} FROM ${from}
     WHERE j.office_id = $1 AND ($2::text[] IS NULL OR j.status = ANY ($2)) AND ($3::text IS NULL OR j.role = $3)
       ${taskId === null ? "AND $4::uuid IS NULL" : ofTask}
       AND ($5::timestamptz IS NULL OR (j.created_at, j.id) < ($5, $6::uuid))
     ORDER BY j.created_at DESC, j.id DESC LIMIT $7`,
    values,
  );
}

/** How the jobs of a state are found without looking at any other. */
const LIVE: Partial<Record<JobState, string>> = {
  ready: "SELECT r.id FROM job_queue r WHERE r.office_id = $1 AND r.ready_at IS NOT NULL",
  processing: "SELECT e.job_id AS id FROM job_executions e WHERE e.office_id = $1 AND e.ended_at IS NULL",
};

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
