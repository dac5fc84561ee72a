import type { Database } from "office-server/db/connection.ts";
import { createOffice } from "./world.ts";

const BATCH = 100_000;

/** Fills a database with jobs that have long been done, with an execution and two events each. */
export async function addFinishedJobs(database: Database, count: number): Promise<void> {
  const officeId = await createOffice(database, "finished", {});
  for (let first = 0; first < count; first += BATCH) {
    await database.query(
      "bench_finished",
      `WITH job AS (
         INSERT INTO job_queue (office_id, key, role, title, status, admitted, attempt, created_at, started_at, completed_at)
         SELECT $1, 'old-' || n, 'BE', 'Old job ' || n, 'done', true, 1, t.at, t.at, t.at
         FROM generate_series($2::integer, $2 + $3 - 1) AS n, LATERAL (SELECT now() - make_interval(secs => 2000000 - n) AS at) t
         RETURNING id, office_id, role, key, created_at
       ), execution AS (
         INSERT INTO job_executions (id, job_id, office_id, role, attempt, status, worker_id, fencing_token, timeout_ms, started_at, ended_at)
         SELECT execution_id(id, 1), id, office_id, role, 1, 'completed', 'bench', 0, 1000, created_at, created_at FROM job
       )
       INSERT INTO job_events (office_id, seq, type, job_id, job_key, role, execution_id, attempt, "timestamp")
       SELECT office_id, $2 * 2 + row_number() OVER (ORDER BY created_at, type), type, id, key, role, execution_id(id, 1), 1, created_at
       FROM job, (VALUES ('job_completed'), ('job_started')) AS k(type)`,
      [officeId, first, BATCH],
    );
  }
  // Jobs that have long been done have long been vacuumed; else that would go on beside the measurement.
  await database.query("bench_vacuum", "VACUUM");
  await database.query("bench_checkpoint", "CHECKPOINT");
}

/** Adds jobs that are ready to an office, all of one role. */
export async function addReadyJobs(database: Database, officeId: string, count: number): Promise<void> {
  for (let first = 0; first < count; first += BATCH) {
    await database.query(
      "bench_ready",
      `INSERT INTO job_queue (office_id, key, role, title, status, admitted, ready_at, session, created_at)
       SELECT $1, 'waiting-' || n, 'BE', 'Waiting job ' || n, 'ready', true, now(), '{"run": "true", "cwd": "/", "env": {}}',
         now() + make_interval(secs => n)
       FROM generate_series($2::integer, $2 + $3 - 1) AS n`,
      [officeId, first, Math.min(BATCH, count - first)],
    );
  }
}
