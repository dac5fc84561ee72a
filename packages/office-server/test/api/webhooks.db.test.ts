import { createdWebhookSchema, type Webhook, webhookListSchema } from "office-contract/api/access.ts";
import { EventDelivery } from "office-server/services/events/EventDelivery.ts";
import { createLogger } from "office-server/platform/log.ts";
import { describe, expect, onTestFinished, test } from "vitest";
import { problemIn, setupFileApi } from "../../../../test/support/api.ts";
import { answering, startReceiver, toldSeq } from "../services/events/receiver.ts";

const api = setupFileApi({ WEBHOOK_ALLOW_PRIVATE: "1" });
const guarded = setupFileApi();

async function setupWebhooks() {
  const office = await api().createOffice();
  const { client } = api();
  const officeId = office.id;
  return {
    office,
    client,
    officeId,
    create: (url: string) => client.call("createWebhook", { params: { officeId }, body: { url } }),
    list: async () => (await client.call("listWebhooks", { params: { officeId } })).webhooks,
  };
}

test("a webhook's secret is shown when it is made, and never again", async () => {
  const { create, officeId, client, list } = await setupWebhooks();
  const { secret, ...webhook } = await create("https://example.com/told");
  expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{32,}={0,2}$/);
  expect(webhook).toMatchObject({
    office_id: officeId,
    url: "https://example.com/told",
    events: [],
    execution_tokens: false,
    enabled: true,
    delivered_seq: 0,
    failures: 0,
    retry_at: null,
    last_error: null,
  });
  expect(await list()).toEqual([webhook]);
  const params = { officeId, webhookId: webhook.id };
  const body = { events: ["job_failed" as const], enabled: false };
  const changed = await client.call("patchWebhook", { params, body });
  expect(changed).toEqual({ ...webhook, events: ["job_failed"], enabled: false });
  expect(await list()).toEqual([changed]);
  expect(api().log.join("")).not.toContain(secret);
});

test("a webhook that is deleted is gone, with its place in the log", async () => {
  const { create, officeId, client, list, office } = await setupWebhooks();
  const { id: webhookId } = await create("https://example.com/");
  const params = { officeId, webhookId };
  await client.call("deleteWebhook", { params });
  expect(await list()).toEqual([]);
  await expect(client.call("deleteWebhook", { params })).rejects.toMatchObject({ problem: { code: "not_found" } });
  const rows = await office.database.query("", "SELECT 1 FROM scheduler_consumers WHERE office_id = $1", [officeId]);
  expect(rows).toEqual([]);
});

test("a webhook is nobody's but its office's", async () => {
  const { create, client } = await setupWebhooks();
  const { id: webhookId } = await create("https://example.com/");
  const params = { officeId: (await api().createOffice()).id, webhookId };
  const body = { enabled: false };
  await expect(client.call("patchWebhook", { params, body })).rejects.toMatchObject({ problem: { status: 404 } });
  await expect(client.call("deleteWebhook", { params })).rejects.toMatchObject({ problem: { status: 404 } });
});

describe("an address that is none of the public internet is refused, naming the field:", () => {
  test.each([
    "http://127.0.0.1/",
    "http://[::1]:3001/",
    "http://2130706433/",
    "http://169.254.169.254/latest/meta-data",
  ])("%s", async (url) => {
    const { createOffice, request } = guarded();
    const path = `/api/offices/${(await createOffice()).id}/webhooks`;
    const problem = problemIn(await request("POST", path, { json: { url } }));
    expect(problem.errors?.map(({ field }) => field)).toEqual(["body.url"]);
    const made = await request("POST", path, { json: { url: "https://example.com/" } });
    const { id } = createdWebhookSchema.parse(JSON.parse(made.text));
    expect(problemIn(await request("PATCH", `${path}/${id}`, { json: { url } })).status).toBe(400);
    const { text } = await request("GET", path);
    expect(webhookListSchema.parse(JSON.parse(text)).webhooks.map((webhook: Webhook) => webhook.url)).toEqual([
      "https://example.com/",
    ]);
  });
});

test("what is switched on, or leads elsewhere, is tried at once", async () => {
  const { create, office, officeId, client, list } = await setupWebhooks();
  const [broken, sound] = [await startReceiver(), await startReceiver()];
  const { promise: failed, resolve } = Promise.withResolvers<void>();
  broken.answer = answering(503);
  const delivery = new EventDelivery({
    database: api().database,
    log: createLogger("warn", { write: () => resolve() }),
    config: { slackWebhookUrl: null, supabase: null, publicUrl: "", allowPrivateWebhooks: true, tickIntervalMs: 0 },
    pacing: { backoffBaseMs: 3_600_000 },
  });
  onTestFinished(() => delivery.stop());
  const { id: webhookId } = await create(broken.url);
  await office.submit({ a: {} });
  await delivery.start();
  await failed;
  const [webhook] = await list();
  expect(webhook).toMatchObject({ failures: 1, last_error: "the answer was 503" });
  expect(webhook?.retry_at).not.toBeNull();
  const params = { officeId, webhookId };
  await client.call("patchWebhook", { params, body: { url: sound.url } });
  await sound.whenReceived(2);
  expect(sound.received.map(toldSeq)).toEqual([1, 2]);
});
