import { z } from "zod";
import { EVENT_TYPES } from "../vocabulary.ts";
import { storableLine } from "../text.ts";
import { idSchema, timestampSchema } from "./fields.ts";

export const KEY_ACCESS = ["read", "write"] as const;
export type KeyAccess = (typeof KEY_ACCESS)[number];

export const createKeySchema = z
  .strictObject({
    name: storableLine(100).describe("Who or what it is for."),
    office_id: idSchema.nullable().default(null).describe("The one office that it opens. Null: all."),
    access: z.enum(KEY_ACCESS).default("write"),
  })
  .meta({ id: "CreateKey" });

const keyFields = {
  id: idSchema,
  name: z.string(),
  office_id: idSchema.nullable(),
  access: z.enum(KEY_ACCESS),
  created_at: timestampSchema,
  last_used_at: timestampSchema.nullable(),
  revoked_at: timestampSchema.nullable(),
};

export const keySchema = z.strictObject(keyFields).meta({ id: "Key" });
export type Key = z.infer<typeof keySchema>;

export const createdKeySchema = z
  .strictObject({ ...keyFields, token: z.string().describe("Shown here and not again.") })
  .meta({ id: "CreatedKey" });

export const keyListSchema = z.strictObject({ keys: z.array(keySchema) }).meta({ id: "KeyList" });

const webhookFields = {
  url: z
    .url({ protocol: /^https?$/, error: "must be an http or https address" })
    .max(2_000)
    .refine((url) => !/[\p{Cc}\p{Cs}\s]/u.test(url), "must not contain spaces or control characters")
    .refine((url) => URL.canParse(url) && new URL(url).username === "" && new URL(url).password === "", {
      error: "must not carry a user name or password",
    }),
  events: z.array(z.enum(EVENT_TYPES)).default([]).describe("The types of events that it is told of. None named: all."),
  execution_tokens: z
    .boolean()
    .default(false)
    .describe("Tell it, with each job_started of an external session, the prompt and the execution's token."),
};

export const createWebhookSchema = z.strictObject(webhookFields).meta({ id: "CreateWebhook" });

export const patchWebhookSchema = z
  .strictObject({
    url: webhookFields.url.optional(),
    events: z.array(z.enum(EVENT_TYPES)).optional(),
    execution_tokens: z.boolean().optional(),
    enabled: z.boolean().optional().describe("True: go on where it stopped, at once."),
  })
  .refine((patch) => Object.keys(patch).length > 0, "must change something")
  .meta({ id: "PatchWebhook" });

export const webhookSchema = z
  .strictObject({
    id: idSchema,
    office_id: idSchema,
    url: z.string(),
    events: z.array(z.enum(EVENT_TYPES)),
    execution_tokens: z.boolean(),
    enabled: z.boolean(),
    created_at: timestampSchema,
    delivered_seq: z.int().describe("Events up to this one are delivered."),
    failures: z.int().describe("Attempts at the next event that failed so far."),
    retry_at: timestampSchema.nullable(),
    last_error: z.string().nullable(),
  })
  .meta({ id: "Webhook" });
export type Webhook = z.infer<typeof webhookSchema>;

export const createdWebhookSchema = z
  .strictObject({
    ...webhookSchema.shape,
    secret: z.string().describe("Signs what is sent. Shown here and not again."),
  })
  .meta({ id: "CreatedWebhook" });

export const webhookListSchema = z.strictObject({ webhooks: z.array(webhookSchema) }).meta({ id: "WebhookList" });
