import { z } from "zod";
import {
  createKeySchema,
  createWebhookSchema,
  createdKeySchema,
  createdWebhookSchema,
  keyListSchema,
  patchWebhookSchema,
  webhookListSchema,
  webhookSchema,
} from "../access.ts";
import { idSchema } from "../fields.ts";
import { officeParams, type Route } from "./route.ts";

const webhook = z.strictObject({ officeId: idSchema, webhookId: idSchema });

export const accessRoutes = {
  listKeys: {
    method: "get",
    path: "/keys",
    tag: "Keys",
    summary: "List the keys of this API, without the keys themselves",
    access: "admin",
    status: 200,
    response: keyListSchema,
  },
  createKey: {
    method: "post",
    path: "/keys",
    tag: "Keys",
    summary: "Create a key, for one office or for all",
    access: "admin",
    body: createKeySchema,
    status: 201,
    response: createdKeySchema,
  },
  revokeKey: {
    method: "delete",
    path: "/keys/:keyId",
    tag: "Keys",
    summary: "Revoke a key",
    access: "admin",
    params: z.strictObject({ keyId: idSchema }),
    status: 204,
    response: null,
  },
  listWebhooks: {
    method: "get",
    path: "/offices/:officeId/webhooks",
    tag: "Webhooks",
    summary: "List who is told of an office's events",
    access: "read",
    params: officeParams,
    status: 200,
    response: webhookListSchema,
  },
  createWebhook: {
    method: "post",
    path: "/offices/:officeId/webhooks",
    tag: "Webhooks",
    summary: "Have an address told of each event, signed as Standard Webhooks says",
    access: "write",
    params: officeParams,
    body: createWebhookSchema,
    status: 201,
    response: createdWebhookSchema,
  },
  patchWebhook: {
    method: "patch",
    path: "/offices/:officeId/webhooks/:webhookId",
    tag: "Webhooks",
    summary: "Change a webhook, switch it off or on",
    access: "write",
    params: webhook,
    body: patchWebhookSchema,
    status: 200,
    response: webhookSchema,
  },
  deleteWebhook: {
    method: "delete",
    path: "/offices/:officeId/webhooks/:webhookId",
    tag: "Webhooks",
    summary: "Delete a webhook",
    access: "write",
    params: webhook,
    status: 204,
    response: null,
  },
} as const satisfies Record<string, Route>;
