import { monotonicMs } from "../platform/clock.ts";
import { inTime } from "../platform/timers.ts";
import type { Queryable } from "./connection.ts";

/** How long the database takes to answer, in ms; null: longer than `timeoutMs`, or it is not there. */
export async function pingDatabase(database: Queryable, timeoutMs: number): Promise<number | null> {
  const startMs = monotonicMs();
  const answer = database.query("ping", "SELECT 1").then(
    () => monotonicMs() - startMs,
    () => null,
  );
  return inTime(answer, timeoutMs);
}
