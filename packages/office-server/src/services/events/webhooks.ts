import type { EventType } from "office-contract/vocabulary.ts";
import type { Database } from "../../db/connection.ts";
import {
  deleteWebhook,
  insertWebhook,
  updateWebhook,
  webhookById,
  type WebhookFields,
  type WebhookRow,
} from "../../db/queries/webhooks.ts";
import { lockOffices } from "../../db/transitions/lockOffices.ts";
import { Refusal } from "../../domain/refusal.ts";
import type { Config } from "../../platform/config.ts";
import { newSigningSecret } from "../../platform/ids.ts";
import { isPublicAddress, literalAddress } from "./publicAddress.ts";

const notThere = (webhookId: string): Refusal => new Refusal("not_found", `there is no webhook ${webhookId}`);

type Guard = Pick<Config, "allowPrivateWebhooks">;

/** A name may lead anywhere by the time that it is called, so names are judged then; an address is judged here as well. */
function checkUrl(url: string | undefined, { allowPrivateWebhooks }: Guard): void {
  const address = url === undefined ? null : literalAddress(url);
  if (address === null || allowPrivateWebhooks || isPublicAddress(address)) return;
  const message = `leads to ${address}, which is not of the public internet; the operator may allow that by WEBHOOK_ALLOW_PRIVATE=1`;
  throw new Refusal("invalid_request", `body.url ${message}`, { errors: [{ field: "body.url", message }] });
}

export interface NewWebhook {
  url: string;
  events: readonly EventType[];
  execution_tokens: boolean;
}

/** Has an address told of what happens in an office from now on. The secret that signs it is returned this once. */
export async function addWebhook(
  database: Database,
  officeId: string,
  webhook: NewWebhook,
  guard: Guard,
): Promise<{ webhook: WebhookRow; secret: string }> {
  checkUrl(webhook.url, guard);
  const secret = newSigningSecret();
  return database.transaction(async (transaction) => {
    // So that its place in the log is that of its creation.
    await lockOffices(transaction, [officeId]);
    const id = await insertWebhook(transaction, officeId, { ...webhook, secret });
    const row = await webhookById(transaction, officeId, id);
    if (row === null) throw notThere(id);
    return { webhook: row, secret };
  });
}

export function changeWebhook(
  database: Database,
  { officeId, webhookId }: { officeId: string; webhookId: string },
  fields: WebhookFields,
  guard: Guard,
): Promise<WebhookRow> {
  checkUrl(fields.url, guard);
  return database.transaction(async (transaction) => {
    await updateWebhook(transaction, officeId, webhookId, fields);
    const row = await webhookById(transaction, officeId, webhookId);
    if (row === null) throw notThere(webhookId);
    return row;
  });
}

export async function removeWebhook(
  database: Database,
  { officeId, webhookId }: { officeId: string; webhookId: string },
): Promise<void> {
  if (!(await deleteWebhook(database, officeId, webhookId))) throw notThere(webhookId);
}
