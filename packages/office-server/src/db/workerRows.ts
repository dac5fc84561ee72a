import type { Queryable } from "./connection.ts";

/** A sign of life of a worker process. Rows of those that have been silent for an hour are removed on the way. */
export async function showWorker(database: Queryable, worker: { id: string; version: string }): Promise<void> {
  await database.query(
    "show_worker",
    `WITH silent AS (
       DELETE FROM scheduler_workers WHERE seen_at < scheduler_now() - interval '1 hour' AND id <> $1
     )
     INSERT INTO scheduler_workers (id, version, started_at, seen_at) VALUES ($1, $2, scheduler_now(), scheduler_now())
     ON CONFLICT (id) DO UPDATE SET seen_at = EXCLUDED.seen_at`,
    [worker.id, worker.version],
  );
}

/** A worker process ends. */
export async function removeWorker(database: Queryable, id: string): Promise<void> {
  await database.query("remove_worker", "DELETE FROM scheduler_workers WHERE id = $1", [id]);
}
