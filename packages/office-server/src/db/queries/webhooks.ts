import type { EventType } from "office-contract/vocabulary.ts";
import type { Queryable } from "../connection.ts";
import { switchConsumer } from "../consumerRows.ts";

/** A webhook without its secret, and how far its deliveries are. */
export interface WebhookRow {
  id: string;
  office_id: string;
  url: string;
  /** None: all. */
  events: EventType[];
  execution_tokens: boolean;
  enabled: boolean;
  created_at: Date;
  delivered_seq: number;
  failures: number;
  retry_at: Date | null;
  last_error: string | null;
}

export interface WebhookFields {
  url?: string | undefined;
  events?: readonly EventType[] | undefined;
  execution_tokens?: boolean | undefined;
  enabled?: boolean | undefined;
}

const SELECT = `SELECT w.id, w.office_id, w.url, w.events, w.execution_tokens, c.enabled, w.created_at,
    u.seq::float8 AS delivered_seq, u.failures, u.retry_at, u.last_error
  FROM scheduler_webhooks w
  JOIN scheduler_consumers c ON c.id = w.consumer_id
  JOIN scheduler_cursors u ON u.consumer_id = w.consumer_id AND u.office_id = w.office_id`;

/** An office's webhooks, the oldest first. */
export const webhooksOf = (database: Queryable, officeId: string): Promise<WebhookRow[]> =>
  database.query<WebhookRow>("webhooks_of", `${SELECT} WHERE w.office_id = $1 ORDER BY w.created_at, w.id`, [officeId]);

export async function webhookById(
  database: Queryable,
  officeId: string,
  webhookId: string,
): Promise<WebhookRow | null> {
  const [row] = await database.query<WebhookRow>("webhook_by_id", `${SELECT} WHERE w.office_id = $1 AND w.id = $2`, [
    officeId,
    webhookId,
  ]);
  return row ?? null;
}

/** Stores a webhook, which is told of what comes from now on. Part of the caller's transaction. Returns its id. */
export async function insertWebhook(
  transaction: Queryable,
  officeId: string,
  { url, events, execution_tokens: tokens, secret }: Required<Omit<WebhookFields, "enabled">> & { secret: string },
): Promise<string> {
  const [row] = await transaction.query<{ id: string }>(
    "insert_webhook",
    `WITH new AS MATERIALIZED (
       SELECT gen_random_uuid() AS id, scheduler_now() AS now
     ), consumer AS (
       INSERT INTO scheduler_consumers (id, office_id, created_at, seen_at)
       SELECT 'webhook ' || n.id, $1, n.now, n.now FROM new n RETURNING id
     ), cursor AS (
       INSERT INTO scheduler_cursors (consumer_id, office_id, seq)
       SELECT c.id, $1, COALESCE((SELECT e.seq FROM job_events e WHERE e.office_id = $1 ORDER BY e.seq DESC LIMIT 1), 0)
       FROM consumer c
     )
     INSERT INTO scheduler_webhooks (id, office_id, consumer_id, url, secret, events, execution_tokens, created_at)
     SELECT n.id, $1, c.id, $2, $3, $4, $5, n.now FROM new n, consumer c
     RETURNING id`,
    [officeId, url, secret, events, tokens],
  );
  if (row === undefined) throw new Error("the webhook was not stored");
  return row.id;
}

/**
 * Changes a webhook. One that is switched on, or leads elsewhere, is tried at once. Part of the caller's transaction. Returns
 * whether there is one.
 */
export async function updateWebhook(
  transaction: Queryable,
  officeId: string,
  webhookId: string,
  { url, events, execution_tokens: tokens, enabled }: WebhookFields,
): Promise<boolean> {
  const [row] = await transaction.query<{ consumer_id: string; enabled: boolean }>(
    "update_webhook",
    `UPDATE scheduler_webhooks w SET url = COALESCE($3, w.url), events = COALESCE($4, w.events),
       execution_tokens = COALESCE($5, w.execution_tokens)
     FROM scheduler_consumers c
     WHERE w.id = $2 AND w.office_id = $1 AND c.id = w.consumer_id
     RETURNING w.consumer_id, c.enabled`,
    [officeId, webhookId, url, events, tokens],
  );
  if (row === undefined) return false;
  if (url !== undefined || enabled !== undefined) {
    await switchConsumer(transaction, row.consumer_id, { enabled: enabled ?? row.enabled });
  }
  return true;
}

/** Deletes a webhook and its place in the log. False: there is none. */
export async function deleteWebhook(database: Queryable, officeId: string, webhookId: string): Promise<boolean> {
  const rows = await database.query(
    "delete_webhook",
    `DELETE FROM scheduler_consumers c USING scheduler_webhooks w
     WHERE w.id = $2 AND w.office_id = $1 AND c.id = w.consumer_id RETURNING 1`,
    [officeId, webhookId],
  );
  return rows.length > 0;
}

/** What a process needs to deliver to a webhook. */
export interface WebhookTarget {
  id: string;
  url: string;
  secret: string;
  events: EventType[];
  execution_tokens: boolean;
}

/** The webhook of a consumer that is switched on. */
export async function webhookTarget(database: Queryable, consumerId: string): Promise<WebhookTarget | null> {
  const [row] = await database.query<WebhookTarget>(
    "webhook_target",
    `SELECT w.id, w.url, w.secret, w.events, w.execution_tokens
     FROM scheduler_webhooks w JOIN scheduler_consumers c ON c.id = w.consumer_id
     WHERE w.consumer_id = $1 AND c.enabled`,
    [consumerId],
  );
  return row ?? null;
}
