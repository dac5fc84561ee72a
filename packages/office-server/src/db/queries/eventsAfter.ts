import type { JobEvent } from "office-contract/events.ts";
import { LOOK, type Queryable } from "../connection.ts";

/** The columns of an EventRow. */
export const EVENT_COLUMNS = `seq, type, office_id, task_id, job_id, job_key, role, execution_id, attempt,
  to_char("timestamp" AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS "timestamp", details`;

export interface EventRow extends Omit<JobEvent, "seq"> {
  seq: string;
}

export const eventOf = (row: EventRow): JobEvent => ({ ...row, seq: Number(row.seq) });

/** An office's events with a `seq` greater than `after`, in order, at most `limit`. */
export async function eventsAfter(
  database: Queryable,
  officeId: string,
  after: number,
  limit: number,
): Promise<JobEvent[]> {
  const rows = await database.query<EventRow>(
    "events_after",
    `SELECT ${EVENT_COLUMNS} FROM job_events WHERE office_id = $1 AND seq > $2 ORDER BY seq LIMIT $3`,
    [officeId, after, limit],
    LOOK,
  );
  return rows.map(eventOf);
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

/** The `seq` of the oldest event of an office that is still kept, and of its newest; null when it has none, or is none. */
export async function eventRange(
  database: Queryable,
  officeId: string,
): Promise<{ first: number; last: number } | null> {
  const [row] = await database.query<{ first: string | null; last: string | null }>(
    "event_range",
    `SELECT
       (SELECT e.seq FROM job_events e WHERE e.office_id = $1 ORDER BY e.seq LIMIT 1) AS first,
       (SELECT e.seq FROM job_events e WHERE e.office_id = $1 ORDER BY e.seq DESC LIMIT 1) AS last`,
    [officeId],
  );
  if (row === undefined || row.first === null || row.last === null) return null;
  return { first: Number(row.first), last: Number(row.last) };
}

/** The `seq` of the newest event of each of some offices, 0 where there is none. Offices that are gone are not named. */
export async function newestEvents(database: Queryable, officeIds: readonly string[]): Promise<Map<string, number>> {
  const rows = await database.query<{ id: string; seq: string }>(
    "newest_events",
    `SELECT o.id, COALESCE((SELECT e.seq FROM job_events e WHERE e.office_id = o.id ORDER BY e.seq DESC LIMIT 1), 0) AS seq
     FROM offices o WHERE o.id = ANY ($1)`,
    [officeIds],
  );
  return new Map(rows.map(({ id, seq }) => [id, Number(seq)]));
}
