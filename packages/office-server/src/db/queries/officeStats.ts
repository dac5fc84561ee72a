import type { Queryable } from "../connection.ts";
import { WORKER_IS_ALIVE } from "./liveWorkers.ts";

/** What `job_counts` and the indexes of what is not finished say of an office, all of one moment. */
export interface OfficeStatsRow {
  total: number;
  done: number;
  failed: number;
  timeout: number;
  cancelled: number;
  ready: number;
  processing: number;
  avg_completion_time: number | null;
  running_by_role: Record<string, number>;
  running_sessions: number;
  /** 0 in an office that starts nothing. */
  max_concurrent_jobs: number;
  oldest_ready_ms: number | null;
  workers: number;
}

/** Counts no finished job: its cost is that of what is ready or runs. `countJobs` must have been called before. */
export async function officeStats(database: Queryable, officeId: string): Promise<OfficeStatsRow | null> {
  const [row] = await database.query<OfficeStatsRow>(
    "office_stats",
    `SELECT (c.total + n.foreign_jobs)::float8 AS total, c.done::float8, c.failed::float8, c.timeout::float8, c.cancelled::float8,
       (c.completion_ms / NULLIF(c.completions, 0))::float8 AS avg_completion_time,
       r.ready::float8, r.oldest_ready_ms::float8, l.processing::float8, l.live::float8 AS running_sessions,
       CASE WHEN o.status IN ('paused', 'archived') THEN 0 ELSE o.max_concurrent_jobs END AS max_concurrent_jobs, n.workers::float8,
       COALESCE((SELECT jsonb_object_agg(e.role, e.n) FROM (
         SELECT role, count(*) AS n FROM job_executions WHERE office_id = $1 AND ended_at IS NULL GROUP BY role
       ) e), '{}') AS running_by_role
     FROM offices o
     JOIN job_counts c ON c.office_id = o.id
     CROSS JOIN LATERAL (
       SELECT count(*) AS ready, extract(epoch FROM scheduler_now() - min(j.ready_at)) * 1000 AS oldest_ready_ms
       FROM job_queue j WHERE j.office_id = $1 AND j.ready_at IS NOT NULL
     ) r
     CROSS JOIN LATERAL (
       SELECT count(*) AS live, count(*) FILTER (WHERE e.stop_cause IS DISTINCT FROM 'cancelled') AS processing
       FROM job_executions e WHERE e.office_id = $1 AND e.ended_at IS NULL
     ) l
     CROSS JOIN LATERAL (
       SELECT (SELECT count(*) FROM job_queue j WHERE j.office_id = $1 AND NOT j.admitted) AS foreign_jobs,
         (SELECT count(*) FROM scheduler_workers WHERE ${WORKER_IS_ALIVE}) AS workers
     ) n
     WHERE o.id = $1`,
    [officeId],
  );
  return row ?? null;
}
