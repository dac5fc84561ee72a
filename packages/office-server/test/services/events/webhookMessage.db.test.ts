import { createHmac } from "node:crypto";
import { verifyExecutionToken } from "office-server/services/executions/tokens.ts";
import { Webhook } from "standardwebhooks";
import { expect, test } from "vitest";
import { sql } from "../../../../../test/support/scheduler.ts";
import { cursorOf, PUBLIC_URL, setupDelivery, webhookNow } from "./deliveryWorld.ts";
import { answering, type Received, startReceiver } from "./receiver.ts";

const typeOf = ({ body }: Received): string => (JSON.parse(body) as { type: string }).type;

test("each event is posted by itself, signed, with its job and its office", async () => {
  const { createOffice, startDelivery, addWebhook, announce } = await setupDelivery();
  const office = await createOffice();
  const receiver = await startReceiver();
  const webhook = await addWebhook(office, `${receiver.url}/told?of=events`, { events: ["job_completed"] });
  await startDelivery();
  await office.submit({ a: { title: "Write the schema", branch_name: "schema" } });
  const job = await office.claimOne();
  await office.finish(job);
  announce(office);

  const [request] = await receiver.whenReceived(1);
  const event = (await office.events()).find(({ type }) => type === "job_completed");
  const [{ name } = { name: "" }] = await sql<{ name: string }>(office, "SELECT name FROM offices WHERE id = $1", [
    office.id,
  ]);
  const body = JSON.stringify({
    type: "job_completed",
    timestamp: event?.timestamp,
    data: {
      ...event,
      job: {
        id: office.idOf("a"),
        key: "a",
        title: "Write the schema",
        role: "BE",
        status: "done",
        branch_name: "schema",
        pr_number: null,
        agent_id: null,
        result: null,
        error_class: null,
        error_message: null,
        attempt: 1,
      },
      office: { id: office.id, name },
    },
  });
  const id = `evt_${webhook.id.replaceAll("-", "")}_${event?.seq}`;
  const sentAt = request?.headers["webhook-timestamp"];
  const key = Buffer.from(webhook.secret.replace("whsec_", ""), "base64");
  const signature = createHmac("sha256", key)
    .update(`${id}.${String(sentAt)}.${body}`)
    .digest("base64");
  expect(request).toEqual({
    method: "POST",
    path: "/told?of=events",
    headers: {
      host: new URL(receiver.url).host,
      connection: "keep-alive",
      "content-type": "application/json",
      "content-length": String(Buffer.byteLength(body)),
      "user-agent": "office-scheduler",
      "webhook-id": id,
      "webhook-timestamp": expect.stringMatching(/^\d{10}$/) as string,
      "webhook-signature": `v1,${signature}`,
    },
    body,
  });
  const verified = new Webhook(webhook.secret).verify(body, request?.headers as Record<string, string>);
  expect(verified).toEqual(JSON.parse(body));
  expect(key.length).toBeGreaterThanOrEqual(24);
});

test("what happened before a webhook was there does not concern it, and neither do types that it has not asked for", async () => {
  const { createOffice, startDelivery, addWebhook, announce, database } = await setupDelivery();
  const office = await createOffice();
  await office.submit({ before: {} });
  await office.pass({ claimsMax: 0 });
  const receiver = await startReceiver();
  const all = await addWebhook(office, `${receiver.url}/all`);
  const some = await addWebhook(office, `${receiver.url}/some`, { events: ["job_cancelled"] });
  const delivery = await startDelivery();
  await office.submit({ after: {} });
  await office.cancel("after");
  announce(office);

  await receiver.whenReceived(4);
  await delivery.stop();
  const told = (path: string) => receiver.received.filter((request) => request.path === path).map(typeOf);
  expect(told("/all")).toEqual(["job_created", "job_ready", "job_cancelled"]);
  expect(told("/some")).toEqual(["job_cancelled"]);
  const last = (await office.events()).length;
  expect(await webhookNow(database, all)).toMatchObject({ delivered_seq: last, failures: 0 });
  expect(await webhookNow(database, some)).toMatchObject({ delivered_seq: last, failures: 0 });
});

test("a place passes over what does not concern its webhook in one step, without a request", async () => {
  const { createOffice, startDelivery, addWebhook, database, announce } = await setupDelivery();
  const office = await createOffice();
  const receiver = await startReceiver();
  const webhook = await addWebhook(office, receiver.url, { events: ["job_failed"] });
  await office.submit(Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`job${n}`, {}])));
  const delivery = await startDelivery();
  announce(office);
  await delivery.stop();
  const last = (await office.events()).length;
  expect(await webhookNow(database, webhook)).toMatchObject({ delivered_seq: last });
  expect(receiver.received).toEqual([]);
});

test("a service that runs external sessions is told all that it needs", async () => {
  const { createOffice, startDelivery, addWebhook, announce, database } = await setupDelivery();
  const office = await createOffice();
  const [trusted, other] = [await startReceiver(), await startReceiver()];
  await addWebhook(office, trusted.url, { events: ["job_started"], execution_tokens: true });
  await addWebhook(office, other.url, { events: ["job_started"] });
  await startDelivery();
  const session = { runtime: "external" as const, lease_ms: 90_000, cwd: "/", env: { SECRET_THING: "no" } };
  await office.submit({ a: { description: "Do it well", session, timeout_ms: 5_000 }, b: {} });
  await office.claim();
  announce(office);

  const dataOf = ({ body }: Received) => (JSON.parse(body) as { data: Record<string, unknown> }).data;
  const told = (await trusted.whenReceived(2)).map(dataOf);
  const [external, own] = [told.find(({ job_key: key }) => key === "a"), told.find(({ job_key: key }) => key === "b")];
  const executionId = String(external?.execution_id);
  expect(external).toMatchObject({
    session: { prompt: "Do it well", title: "Do a", lease_ms: 90_000, timeout_ms: 5_000 },
    complete_url: `${PUBLIC_URL}/api/executions/${executionId}/complete`,
    heartbeat_url: `${PUBLIC_URL}/api/executions/${executionId}/heartbeat`,
  });
  expect(Object.keys(external?.session as object)).toEqual(["prompt", "title", "lease_ms", "timeout_ms"]);
  expect(await verifyExecutionToken(database, executionId, String(external?.execution_token))).toBe(true);
  expect(own).not.toHaveProperty("session");
  expect(own).not.toHaveProperty("execution_token");
  for (const data of (await other.whenReceived(2)).map(dataOf)) {
    expect(data).not.toHaveProperty("session");
    expect(data).not.toHaveProperty("execution_token");
  }
});

test("no secret gets into the log", async () => {
  const { createOffice, startDelivery, addWebhook, announce, log } = await setupDelivery();
  const office = await createOffice();
  const receiver = await startReceiver();
  const webhook = await addWebhook(office, receiver.url);
  receiver.answerOnce(answering(500, {}, webhook.secret));
  const delivery = await startDelivery();
  await office.submit({ a: {} });
  announce(office);
  await receiver.whenReceived(3);
  await delivery.stop();
  expect(log.join("")).not.toContain(webhook.secret.slice("whsec_".length));
  expect(log.join("")).toContain("events could not be delivered");
});
test.each(["http://127.0.0.1", "http://localhost", "http://[::1]", "http://[::ffff:127.0.0.1]"])(
  "%s is not connected to, whatever was stored",
  async (origin) => {
    const { createOffice, startDelivery, addWebhook, announce, whenLogged } = await setupDelivery();
    const office = await createOffice();
    const receiver = await startReceiver();
    const webhook = await addWebhook(office, `${origin}:${new URL(receiver.url).port}/`);
    await startDelivery({ allowPrivateWebhooks: false }, { backoffBaseMs: 60_000, backoffMaxMs: 60_000 });
    await office.submit({ a: {} });
    announce(office);
    await whenLogged("events could not be delivered");
    expect(receiver.received).toEqual([]);
    const { last_error: error } = await cursorOf(office, `webhook ${webhook.id}`);
    expect(error).toBe("its address is not a public one");
  },
);
