import type { JobEvent } from "office-contract/events.ts";
import type { EventType } from "office-contract/vocabulary.ts";
import type { Queryable } from "../connection.ts";
import { EVENT_COLUMNS, type EventRow, eventOf } from "./eventsAfter.ts";

/** So far ahead an office's log is looked through for events of some types in one go. */
const LOOKED_THROUGH = 10_000;

/** What comes next in an office's log for somebody who follows it. */
export interface NextEvents {
  events: JobEvent[];
  /** There is nothing else for them up to here. */
  upTo: number;
}

/** The next events of some types (none named: of all) after a place, at most `limit`. */
export async function nextEvents(
  database: Queryable,
  officeId: string,
  { after, types, limit }: { after: number; types: readonly EventType[]; limit: number },
): Promise<NextEvents> {
  const rows = await database.query<{ up_to: string | null } & (EventRow | { seq: null })>(
    "next_events",
    `SELECT n.up_to, e.* FROM (
       SELECT LEAST(max(l.seq), $2 + ${LOOKED_THROUGH}) AS up_to FROM job_events l WHERE l.office_id = $1
     ) n
     LEFT JOIN LATERAL (
       SELECT ${EVENT_COLUMNS} FROM job_events
       WHERE office_id = $1 AND seq > $2 AND seq <= n.up_to AND ($3::text[] = '{}' OR type = ANY ($3))
       ORDER BY seq LIMIT $4
     ) e ON true`,
    [officeId, after, types, limit],
  );
  const events: JobEvent[] = [];
  let upTo = after;
  for (const { up_to: lookedThrough, ...row } of rows) {
    upTo = Number(lookedThrough ?? after);
    if (row.seq !== null) events.push(eventOf(row));
  }
  const last = events.at(-1);
  return { events, upTo: last !== undefined && events.length === limit ? last.seq : upTo };
}

/** A job as those are told of it who hear of its events: as it is now. */
export interface ToldJob {
  id: string;
  key: string | null;
  title: string;
  role: string;
  status: string;
  branch_name: string | null;
  pr_number: number | null;
  agent_id: string | null;
  result: unknown;
  error_class: string | null;
  error_message: string | null;
  attempt: number;
}

/** Some jobs; those that have been deleted are not among them. */
export const toldJobs = (database: Queryable, jobIds: readonly string[]): Promise<ToldJob[]> =>
  database.query<ToldJob>(
    "told_jobs",
    `SELECT id, key, title, role, status, branch_name, pr_number, agent_id, result, error_class, error_message, attempt
     FROM job_queue WHERE id = ANY ($1)`,
    [jobIds],
  );

/** What a service needs to run an external session. */
export interface ExternalSession {
  prompt: string | null;
  title: string;
  lease_ms: number;
  timeout_ms: number;
}

/** The session of an execution that is external and has not ended; null for any other. */
export async function externalSession(database: Queryable, executionId: string): Promise<ExternalSession | null> {
  const [row] = await database.query<ExternalSession>(
    "external_session",
    `SELECT j.description AS prompt, j.title, e.lease_ms::float8, e.timeout_ms::float8
     FROM job_executions e JOIN job_queue j ON j.id = e.job_id
     WHERE e.id = $1 AND e.lease_ms IS NOT NULL AND e.ended_at IS NULL AND e.stop_cause IS NULL`,
    [executionId],
  );
  return row ?? null;
}

export async function officeName(database: Queryable, officeId: string): Promise<string | null> {
  const [row] = await database.query<{ name: string }>("office_name", "SELECT name FROM offices WHERE id = $1", [
    officeId,
  ]);
  return row?.name ?? null;
}

/** The end of what an execution's session has written, at most so many bytes. It may begin within a character. */
export async function outputTail(database: Queryable, executionId: string, bytes: number): Promise<Buffer> {
  const rows = await database.query<{ data: Buffer }>(
    "output_tail",
    `SELECT substring(p.data FROM GREATEST(length(p.data) - $2 + 1, 1)) AS data FROM (
       SELECT o.data, o.start_at FROM job_output o WHERE o.execution_id = $1 ORDER BY o.start_at DESC LIMIT 4
     ) p ORDER BY p.start_at`,
    [executionId, bytes],
  );
  const all = Buffer.concat(rows.map(({ data }) => data));
  return all.subarray(Math.max(all.length - bytes, 0));
}
