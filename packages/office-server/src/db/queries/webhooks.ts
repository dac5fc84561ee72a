import type { EventType } from "office-contract/vocabulary.ts";
import type { Queryable } from "../connection.ts";

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

/** What a webhook is called among those who follow the event logs. */
export const consumerOf = (webhookId: string): string => `webhook ${webhookId}`;

const SELECT = `SELECT w.id, w.office_id, w.url, w.events, w.execution_tokens, w.enabled, w.created_at,
    COALESCE(c.seq, 0)::float8 AS delivered_seq, COALESCE(c.failures, 0) AS failures, c.retry_at, c.last_error
  FROM scheduler_webhooks w
  LEFT JOIN scheduler_cursors c ON c.consumer_id = 'webhook ' || w.id AND c.office_id = w.office_id`;

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
    `INSERT INTO scheduler_webhooks (office_id, url, secret, events, execution_tokens) VALUES ($1, $2, $3, $4, $5) RETURNING id`,
    [officeId, url, secret, events, tokens],
  );
  if (row === undefined) throw new Error("the webhook was not stored");
  await transaction.query("insert_consumer", "INSERT INTO scheduler_consumers (id, office_id) VALUES ($1, $2)", [
    consumerOf(row.id),
    officeId,
  ]);
  await transaction.query(
    "insert_cursor",
    `INSERT INTO scheduler_cursors (consumer_id, office_id, seq)
     SELECT $1, $2, COALESCE(max(seq), 0) FROM job_events WHERE office_id = $2`,
    [consumerOf(row.id), officeId],
  );
  return row.id;
}

/** Changes a webhook. One that is switched on, or leads elsewhere, is tried at once. Part of the caller's transaction. */
export async function updateWebhook(
  transaction: Queryable,
  officeId: string,
  webhookId: string,
  { url, events, execution_tokens: tokens, enabled }: WebhookFields,
): Promise<void> {
  await transaction.query(
    "update_webhook",
    `UPDATE scheduler_webhooks SET url = COALESCE($3, url), events = COALESCE($4, events),
       execution_tokens = COALESCE($5, execution_tokens), enabled = COALESCE($6, enabled)
     WHERE id = $2 AND office_id = $1`,
    [officeId, webhookId, url, events, tokens, enabled],
  );
  if (url === undefined && enabled !== true) return;
  await transaction.query(
    "retry_webhook",
    "UPDATE scheduler_cursors SET failures = 0, retry_at = NULL, last_error = NULL WHERE consumer_id = $1 AND office_id = $2",
    [consumerOf(webhookId), officeId],
  );
}

/** Deletes a webhook and its place in the log. False: there is none. Part of the caller's transaction. */
export async function deleteWebhook(transaction: Queryable, officeId: string, webhookId: string): Promise<boolean> {
  const rows = await transaction.query(
    "delete_webhook",
    "DELETE FROM scheduler_webhooks WHERE id = $2 AND office_id = $1 RETURNING 1",
    [officeId, webhookId],
  );
  if (rows.length === 0) return false;
  await transaction.query("delete_consumer", "DELETE FROM scheduler_consumers WHERE id = $1", [consumerOf(webhookId)]);
  return true;
}
