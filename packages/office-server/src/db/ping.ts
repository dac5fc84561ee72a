import { monotonicMs } from "../platform/clock.ts";
import { setLongTimer } from "../platform/timers.ts";
import type { Queryable } from "./connection.ts";

/** How long the database takes to answer, in ms; null: longer than `timeoutMs`, or it is not there. */
export async function pingDatabase(database: Queryable, timeoutMs: number): Promise<number | null> {
  const startMs = monotonicMs();
  const { promise: tooLate, resolve } = Promise.withResolvers<null>();
  const timer = setLongTimer(() => resolve(null), timeoutMs);
  const answer = database.query("ping", "SELECT 1").then(
    () => monotonicMs() - startMs,
    () => null,
  );
  return Promise.race([answer, tooLate]).finally(() => timer.cancel());
}
