import type { Webhook } from "office-contract/api/access.ts";
import { EVENT_TYPES } from "office-contract/vocabulary.ts";
import { wallClock } from "office-server/platform/clock.ts";
import { type OpenOffice, openOffice } from "../api/findOffice.ts";
import { isIdPrefix, withPrefix } from "../api/ids.ts";
import { dim, type Span, styled } from "../line.ts";
import { isTerminal, type Output, remark, widthOf, writeJson, writeLines, writeWhole } from "../output.ts";
import { type Column, tableLines } from "../table.ts";
import { UsageError } from "../usageError.ts";
import { type TimeWords, timeWords } from "../wording.ts";

export interface WebhookOptions {
  office?: string;
  json: boolean;
}

/** `office webhooks`: lists who is told of an office's events. Returns the exit code. */
export async function showWebhooks(options: WebhookOptions, output: Output): Promise<number> {
  const { client, officeId } = await openOffice(options);
  const { webhooks } = await client.call("listWebhooks", { params: { officeId } });
  const { stdout } = output;
  const time = timeWords(isTerminal(stdout), wallClock().getTime());
  if (options.json) writeJson(stdout, ...webhooks);
  else if (webhooks.length === 0) remark(output, "no webhooks");
  else writeLines(stdout, tableLines(webhooks, webhookColumns(time), widthOf(stdout)));
  return 0;
}

const webhookColumns = (time: TimeWords): Column<Webhook>[] => [
  { title: "ID", cell: ({ id }) => id },
  { title: "URL", cell: ({ url }) => url, widthMin: 20 },
  { title: "STATE", cell: (webhook) => stateOf(webhook) },
  { title: "DELIVERED", cell: ({ delivered_seq: seq }) => String(seq), alignRight: true, optional: true },
  { title: "EVENTS", cell: ({ events }) => (events.length === 0 ? "all" : events.join(",")), widthMin: 8 },
  { title: "CREATED", cell: ({ created_at: at }) => time(at), optional: true },
  { title: "LAST ERROR", cell: ({ last_error: error }) => error ?? "-", widthMin: 10 },
];

const stateOf = ({ enabled, failures }: Webhook): Span => {
  if (!enabled) return dim("off");
  return failures === 0 ? styled("green", "on") : styled("yellow", `retrying (${failures})`);
};

/** `office webhooks add URL`: has an address told of events, and prints the secret that signs them. Returns the exit code. */
export async function addWebhook(
  url: string,
  options: WebhookOptions & { events?: string; executionTokens: boolean },
  output: Output,
): Promise<number> {
  const events = options.events === undefined ? [] : readEventTypes(options.events);
  const { client, officeId } = await openOffice(options);
  const body = { url, events, execution_tokens: options.executionTokens };
  const webhook = await client.call("createWebhook", { params: { officeId }, body });
  if (options.json) {
    writeJson(output.stdout, webhook);
    return 0;
  }
  remark(
    output,
    `webhook ${webhook.id} is told of ${describeTypes(webhook)}; it checks them by this secret, shown now and not again:`,
  );
  writeWhole(output.stdout, [[webhook.secret]]);
  return 0;
}

const describeTypes = ({ events }: Pick<Webhook, "events">): string =>
  events.length === 0 ? "all events" : events.join(", ");

function readEventTypes(text: string): (typeof EVENT_TYPES)[number][] {
  return text.split(",").map((word) => {
    const type = EVENT_TYPES.find((name) => name === word.trim() || name === `job_${word.trim()}`);
    if (type === undefined) throw new UsageError(`there is no event "${word}"; events are ${EVENT_TYPES.join(", ")}`);
    return type;
  });
}

/** `office webhooks remove ID`. Returns the exit code. */
export async function removeWebhook(named: string, options: WebhookOptions, output: Output): Promise<number> {
  const office = await openOffice(options);
  const webhook = await findWebhook(office, named);
  const params = { officeId: office.officeId, webhookId: webhook.id };
  await office.client.call("deleteWebhook", { params });
  if (options.json) writeJson(output.stdout, webhook);
  else writeWhole(output.stdout, [[`webhook ${webhook.id} to ${webhook.url} is removed`]]);
  return 0;
}

/** `office webhooks enable ID` and `disable ID`. Returns the exit code. */
export async function switchWebhook(
  named: string,
  enabled: boolean,
  options: WebhookOptions,
  output: Output,
): Promise<number> {
  const office = await openOffice(options);
  const { id: webhookId } = await findWebhook(office, named);
  const params = { officeId: office.officeId, webhookId };
  const webhook = await office.client.call("patchWebhook", { params, body: { enabled } });
  if (options.json) writeJson(output.stdout, webhook);
  else writeWhole(output.stdout, [[`webhook ${webhook.id} to ${webhook.url} is ${enabled ? "on" : "off"}`]]);
  return 0;
}

async function findWebhook({ client, officeId }: OpenOffice, named: string): Promise<Webhook> {
  const { webhooks } = await client.call("listWebhooks", { params: { officeId } });
  const found = webhooks.filter(({ url }) => url === named);
  if (found.length === 0 && isIdPrefix(named)) found.push(...withPrefix(webhooks, named));
  const [only, ...others] = found;
  if (only === undefined)
    throw new UsageError(`this office has no webhook "${named}"; name it by its id or its address`);
  if (others.length === 0) return only;
  throw new UsageError(`${found.length} webhooks are meant by "${named}": ${found.map(({ id }) => id).join(", ")}`);
}
