import { PROMPT, type Queryable } from "./connection.ts";

/** A connection that nobody answers on must not take the time in which another one might. */
const SIGN_MS_MAX = 4_000;

export interface NewWorker {
  id: string;
  version: string;
  /** How long it may be silent. */
  leaseMs: number;
  /** The one task that it works for; null: all offices. */
  taskId: string | null;
  /** Absolute. Where its sessions are, on its machine. */
  sessionsDirectory: string;
}

/** A worker begins. Rows of those that have ended an hour ago, and left nothing running, are removed on the way. */
export async function registerWorker(
  database: Queryable,
  { id, version, leaseMs, taskId, sessionsDirectory }: NewWorker,
): Promise<void> {
  await database.query(
    "register_worker",
    `WITH ended AS (
       DELETE FROM scheduler_workers w
       WHERE (lost_at IS NOT NULL OR left_at IS NOT NULL) AND seen_at < scheduler_now() - interval '1 hour'
         AND NOT EXISTS (SELECT 1 FROM job_executions e WHERE e.worker_id = w.id AND e.ended_at IS NULL)
     )
     INSERT INTO scheduler_workers (id, version, lease_ms, task_id, sessions_directory, started_at, seen_at)
     VALUES ($1, $2, $3, $4, $5, scheduler_now(), scheduler_now())`,
    [id, version, leaseMs, taskId, sessionsDirectory],
    { timeoutMs: SIGN_MS_MAX },
  );
}

/** A sign of life. False: the worker was declared lost, for good. */
export async function renewWorker(database: Queryable, id: string): Promise<boolean> {
  const rows = await database.query(
    "renew_worker",
    "UPDATE scheduler_workers SET seen_at = scheduler_now() WHERE id = $1 AND lost_at IS NULL RETURNING id",
    [id],
    { timeoutMs: SIGN_MS_MAX },
  );
  return rows.length > 0;
}

/** A worker ends in good order. What it leaves running keeps its row, until another worker has taken it: then true. */
export async function endWorker(database: Queryable, id: string): Promise<boolean> {
  const leaving = await database.query(
    "end_worker",
    `WITH running AS (
       SELECT EXISTS (SELECT 1 FROM job_executions WHERE worker_id = $1 AND ended_at IS NULL AND lease_ms IS NULL) AS any
     ), gone AS (
       DELETE FROM scheduler_workers w USING running r WHERE w.id = $1 AND NOT r.any
     )
     UPDATE scheduler_workers w SET left_at = scheduler_now() FROM running r WHERE w.id = $1 AND r.any RETURNING w.id`,
    [id],
  );
  return leaving.length > 0;
}

/** A worker's last sign of life, as text that changes with each. */
export interface WorkerSign {
  id: string;
  sign: string;
  lease_ms: number;
}

/** All workers that have not been declared lost. */
export const workerSigns = (database: Queryable): Promise<WorkerSign[]> =>
  database.query<WorkerSign>(
    "worker_signs",
    "SELECT id, extract(epoch FROM seen_at)::text AS sign, lease_ms::float8 FROM scheduler_workers WHERE lost_at IS NULL",
    [],
    PROMPT,
  );

/** Declares a worker lost, unless it has given another sign of life. What it holds is free from now on. */
export async function declareLost(
  database: Queryable,
  { id, sign }: Pick<WorkerSign, "id" | "sign">,
): Promise<boolean> {
  const rows = await database.query(
    "declare_lost",
    `UPDATE scheduler_workers SET lost_at = scheduler_now()
     WHERE id = $1 AND extract(epoch FROM seen_at)::text = $2 AND lost_at IS NULL RETURNING id`,
    [id, sign],
    PROMPT,
  );
  return rows.length > 0;
}
