import type { EventType } from "office-contract/vocabulary.ts";
import type { Queryable } from "./connection.ts";

/** A place in an office's log from which one process may deliver, for as long as its lease lasts. */
export interface Place {
  consumer_id: string;
  office_id: string;
  /** Everything up to here is delivered. */
  seq: number;
  /** Attempts at what comes next that failed. */
  failures: number;
}

/** How long a process may take between two signs of life, in s. */
const LEASE_S = 60;
const FORGOTTEN_AFTER_DAYS = 5;

/** Of a place `u`, or none: nobody delivers from it, and it is not put off. */
const IS_FREE = `(u.leased_until IS NULL OR u.leased_until <= scheduler_now())
  AND (u.retry_at IS NULL OR u.retry_at <= scheduler_now())`;
/** Places are not worth waiting for the disk: should the server crash, a few events go out once more. */
const WITHOUT_WAITING = "(SELECT set_config('synchronous_commit', 'off', true)) AS s";

/**
 * Makes a consumer of the logs of all offices known, or says that it is still there. One that is new begins with what comes
 * from now on; in offices that are yet to come, with their first event.
 */
export async function ensureConsumer(database: Queryable, id: string): Promise<void> {
  await database.query(
    "ensure_consumer",
    `WITH made AS (
       INSERT INTO scheduler_consumers (id, office_id, created_at, seen_at) VALUES ($1, NULL, scheduler_now(), scheduler_now())
       ON CONFLICT (id) DO UPDATE SET seen_at = EXCLUDED.seen_at
       RETURNING id, xmax = 0 AS is_new
     )
     INSERT INTO scheduler_cursors (consumer_id, office_id, seq)
     SELECT m.id, o.id, COALESCE((SELECT e.seq FROM job_events e WHERE e.office_id = o.id ORDER BY e.seq DESC LIMIT 1), 0)
     FROM made m CROSS JOIN offices o WHERE m.is_new
     ON CONFLICT DO NOTHING`,
    [id],
  );
}

/** Forgets consumers of all offices that no process has been configured for in a while: no event is kept for them. */
export async function forgetConsumers(database: Queryable): Promise<void> {
  await database.query(
    "forget_consumers",
    `DELETE FROM scheduler_consumers
     WHERE office_id IS NULL AND seen_at < scheduler_now() - make_interval(days => $1)`,
    [FORGOTTEN_AFTER_DAYS],
  );
}

export interface PlaceSearch {
  /** The first word of the consumers' ids. */
  kind: string;
  /** The types of events that concern them (none named: all); webhooks say so themselves. */
  types: readonly EventType[];
  /** Only in these; null: in all. */
  officeIds: readonly string[] | null;
  leasedBy: string;
  /** How many places at most, of those whose last attempt succeeded, and of the others. */
  soundMax: number;
  failingMax: number;
}

/**
 * Leases places behind which there are events to deliver now, those first that have waited longest. Where nothing that has
 * happened concerns the consumer, its place passes over that. A few index probes for each place that is looked at, and for
 * those that are behind a look at what is new.
 */
export async function leasePlaces(database: Queryable, search: PlaceSearch): Promise<Place[]> {
  const { kind, types, officeIds, leasedBy, soundMax, failingMax } = search;
  const anywhere = officeIds === null;
  const rows = await database.query<Place & { seq: string }>(
    anywhere ? "lease_places" : "lease_places_in",
    `WITH behind AS MATERIALIZED (
       SELECT c.id AS consumer_id, o.id AS office_id, COALESCE(u.seq, 0) AS seq, COALESCE(u.failures, 0) AS failures,
         u.leased_until, n.seq AS newest, COALESCE(w.events, $5) AS types
       FROM scheduler_consumers c
       LEFT JOIN scheduler_webhooks w ON w.consumer_id = c.id
       CROSS JOIN LATERAL (
         SELECT c.office_id AS id WHERE c.office_id IS NOT NULL
         UNION ALL SELECT x.id FROM offices x WHERE c.office_id IS NULL
       ) o
       LEFT JOIN scheduler_cursors u ON u.consumer_id = c.id AND u.office_id = o.id
       CROSS JOIN LATERAL (
         SELECT e.seq FROM job_events e WHERE e.office_id = o.id ORDER BY e.seq DESC LIMIT 1
       ) n
       WHERE split_part(c.id, ' ', 1) = $1 AND c.enabled ${anywhere ? "" : "AND o.id = ANY ($6)"}
         AND n.seq > COALESCE(u.seq, 0) AND ${IS_FREE}
     ), found AS MATERIALIZED (
       SELECT b.*, b.types = '{}' OR EXISTS (
         SELECT 1 FROM job_events e
         WHERE e.office_id = b.office_id AND e.seq > b.seq AND e.seq <= b.newest AND e.type = ANY (b.types)
       ) AS is_concerned
       FROM behind b
     ), passed AS (
       INSERT INTO scheduler_cursors AS u (consumer_id, office_id, seq)
       SELECT f.consumer_id, f.office_id, f.newest FROM found f, ${WITHOUT_WAITING} WHERE NOT f.is_concerned
       ON CONFLICT (consumer_id, office_id) DO UPDATE SET seq = EXCLUDED.seq, failures = 0, failing_since = NULL,
         last_error = NULL, retry_at = NULL
       WHERE u.seq < EXCLUDED.seq AND ${IS_FREE}
     ), chosen AS (
       (SELECT * FROM found f WHERE f.is_concerned AND f.failures = 0 ORDER BY f.leased_until NULLS FIRST LIMIT $3)
       UNION ALL
       (SELECT * FROM found f WHERE f.is_concerned AND f.failures > 0 ORDER BY f.leased_until NULLS FIRST LIMIT $4)
     )
     INSERT INTO scheduler_cursors AS u (consumer_id, office_id, seq, leased_by, leased_until)
     SELECT h.consumer_id, h.office_id, h.seq, $2, scheduler_now() + interval '${LEASE_S} s' FROM chosen h
     ON CONFLICT (consumer_id, office_id) DO UPDATE SET leased_by = EXCLUDED.leased_by, leased_until = EXCLUDED.leased_until
     WHERE ${IS_FREE}
     RETURNING u.consumer_id, u.office_id, u.seq, u.failures`,
    [kind, leasedBy, soundMax, failingMax, types, ...(anywhere ? [] : [officeIds])],
  );
  return rows.map((row) => ({ ...row, seq: Number(row.seq) }));
}

/** Until the next time that an attempt waits for, in ms by the database's clock; null when none does. */
export async function nextAttemptInMs(database: Queryable, kinds: readonly string[]): Promise<number | null> {
  const [row] = await database.query<{ due_in_ms: number | null }>(
    "next_attempt",
    `SELECT (extract(epoch FROM min(w.retry_at) - scheduler_now()) * 1000)::float8 AS due_in_ms
     FROM scheduler_consumers c CROSS JOIN LATERAL (
       SELECT u.retry_at FROM scheduler_cursors u WHERE u.consumer_id = c.id AND u.retry_at > scheduler_now()
       ORDER BY u.retry_at LIMIT 1
     ) w
     WHERE split_part(c.id, ' ', 1) = ANY ($1) AND c.enabled`,
    [kinds],
  );
  return row?.due_in_ms ?? null;
}

/**
 * Moves a place on, and renews its lease. Only for the one who holds it, and from where that one found it: returns whether
 * it was moved. `restMs`: nothing more is delivered before that is over.
 */
export async function advancePlace(
  database: Queryable,
  place: Place,
  { to, leasedBy, restMs }: { to: number; leasedBy: string; restMs: number },
): Promise<boolean> {
  const rows = await database.query(
    "advance_place",
    `UPDATE scheduler_cursors u SET seq = $5, failures = 0, failing_since = NULL, last_error = NULL,
       retry_at = CASE WHEN $6 > 0 THEN scheduler_now() + $6::float8 * interval '1 ms' END,
       leased_until = scheduler_now() + interval '${LEASE_S} s'
     FROM ${WITHOUT_WAITING}
     WHERE u.consumer_id = $1 AND u.office_id = $2 AND u.leased_by = $3 AND u.seq = $4
     RETURNING 1`,
    [place.consumer_id, place.office_id, leasedBy, place.seq, to, restMs],
  );
  return rows.length > 0;
}

/** Gives a lease back. Harmless when it has been lost. */
export async function releasePlace(database: Queryable, place: Place, leasedBy: string): Promise<void> {
  await database.query(
    "release_place",
    `UPDATE scheduler_cursors u SET leased_by = NULL, leased_until = scheduler_now()
     FROM ${WITHOUT_WAITING}
     WHERE u.consumer_id = $1 AND u.office_id = $2 AND u.leased_by = $3`,
    [place.consumer_id, place.office_id, leasedBy],
  );
}

/**
 * Puts on record that an attempt failed, and gives the lease back. Returns for how long nothing has succeeded, in ms; null
 * when the lease has been lost.
 */
export async function recordFailure(
  database: Queryable,
  place: Place,
  { leasedBy, error, delayMs }: { leasedBy: string; error: string; delayMs: number },
): Promise<number | null> {
  const [row] = await database.query<{ failing_ms: number }>(
    "record_failure",
    `UPDATE scheduler_cursors u SET failures = u.failures + 1, failing_since = COALESCE(u.failing_since, scheduler_now()),
       last_error = $5, retry_at = scheduler_now() + $6::float8 * interval '1 ms', leased_by = NULL, leased_until = scheduler_now()
     WHERE u.consumer_id = $1 AND u.office_id = $2 AND u.leased_by = $3 AND u.seq = $4
     RETURNING (extract(epoch FROM scheduler_now() - u.failing_since) * 1000)::float8 AS failing_ms`,
    [place.consumer_id, place.office_id, leasedBy, place.seq, error, delayMs],
  );
  return row?.failing_ms ?? null;
}

/**
 * Switches a consumer off, or on: then it is tried at once, as one that has not failed yet. `error` says why it is off; null
 * leaves what is there.
 */
export async function switchConsumer(
  database: Queryable,
  id: string,
  { enabled, error = null }: { enabled: boolean; error?: string | null },
): Promise<void> {
  await database.query(
    "switch_consumer",
    `WITH switched AS (
       UPDATE scheduler_consumers c SET enabled = $2 WHERE c.id = $1
     )
     UPDATE scheduler_cursors u SET retry_at = NULL, failures = CASE WHEN $2 THEN 0 ELSE u.failures END,
       failing_since = CASE WHEN $2 THEN NULL ELSE u.failing_since END,
       last_error = CASE WHEN $2 THEN NULL ELSE COALESCE($3, u.last_error) END
     WHERE u.consumer_id = $1`,
    [id, enabled, error],
  );
}
