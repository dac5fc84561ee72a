import type { JobEvent } from "office-contract/events.ts";
import type { Queryable } from "../connection.ts";

/** An office's events with a `seq` greater than `after`, in order, at most `limit`. */
export async function eventsAfter(
  database: Queryable,
  officeId: string,
  after: number,
  limit: number,
): Promise<JobEvent[]> {
  const rows = await database.query<JobEvent & { seq: string }>(
    "events_after",
    `SELECT seq, type, office_id, task_id, job_id, job_key, role, execution_id, attempt,
       to_char("timestamp" AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS "timestamp", details
     FROM job_events WHERE office_id = $1 AND seq > $2 ORDER BY seq LIMIT $3`,
    [officeId, after, limit],
  );
  return rows.map((row) => ({ ...row, seq: Number(row.seq) }));
}

/** The `seq` of an office's newest event; 0 when it has none. */
export async function lastEventSeq(database: Queryable, officeId: string): Promise<number> {
  const [row] = await database.query<{ seq: string }>(
    "last_event_seq",
    "SELECT COALESCE(max(seq), 0) AS seq FROM job_events WHERE office_id = $1",
    [officeId],
  );
  return Number(row?.seq ?? 0);
}
