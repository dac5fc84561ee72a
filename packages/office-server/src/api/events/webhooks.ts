import type { Webhook } from "office-contract/api/access.ts";
import { webhooksOf, type WebhookRow } from "../../db/queries/webhooks.ts";
import { addWebhook, changeWebhook, removeWebhook } from "../../services/events/webhooks.ts";
import type { Handlers } from "../handler.ts";

const present = ({ created_at: created, retry_at: retry, ...webhook }: WebhookRow): Webhook => ({
  ...webhook,
  created_at: created.toISOString(),
  retry_at: retry?.toISOString() ?? null,
});

export const webhookHandlers: Handlers<"listWebhooks" | "createWebhook" | "patchWebhook" | "deleteWebhook"> = {
  listWebhooks: async ({ database }, { params: { officeId } }) => ({
    webhooks: (await webhooksOf(database, officeId)).map(present),
  }),

  createWebhook: async ({ database, config }, { params: { officeId }, body }) => {
    const { webhook, secret } = await addWebhook(database, officeId, body, config);
    return { ...present(webhook), secret };
  },

  patchWebhook: async ({ database, config, announcer }, { params, body }) => {
    const webhook = await changeWebhook(database, params, body, config);
    announcer.announce([params.officeId]);
    return present(webhook);
  },

  deleteWebhook: ({ database }, { params }) => removeWebhook(database, params),
};
