import type { Queryable } from "../connection.ts";

/** Of a row of scheduler_workers: that its worker is alive, as far as can be told from here. */
export const WORKER_IS_ALIVE =
  "lost_at IS NULL AND left_at IS NULL AND seen_at > scheduler_now() - lease_ms * interval '1 ms'";

/** How many worker processes are alive. */
export async function liveWorkers(database: Queryable): Promise<number> {
  const [row] = await database.query<{ count: number }>(
    "live_workers",
    `SELECT count(*)::integer AS count FROM scheduler_workers WHERE ${WORKER_IS_ALIVE}`,
  );
  return row?.count ?? 0;
}
