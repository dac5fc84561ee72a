import type { Queryable } from "../connection.ts";

/** Without a sign of life for so long, a worker counts as gone. */
export const WORKER_SILENCE_MS_MAX = 15_000;

/** How many worker processes are alive. */
export async function liveWorkers(database: Queryable): Promise<number> {
  const [row] = await database.query<{ count: number }>(
    "live_workers",
    "SELECT count(*)::integer AS count FROM scheduler_workers WHERE seen_at > scheduler_now() - $1 * interval '1 ms'",
    [WORKER_SILENCE_MS_MAX],
  );
  return row?.count ?? 0;
}
