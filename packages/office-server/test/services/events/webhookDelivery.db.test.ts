import { createHmac } from "node:crypto";
import { changeWebhook } from "office-server/services/events/webhooks.ts";
import { verifyExecutionToken } from "office-server/services/executions/tokens.ts";
import { Webhook } from "standardwebhooks";
import { expect, test } from "vitest";
import { sql } from "../../../../../test/support/scheduler.ts";
import { cursorOf, PUBLIC_URL, setupDelivery, webhookNow } from "./deliveryWorld.ts";
import { answering, hanging, type Received, resetting, startReceiver } from "./receiver.ts";

const seqOf = ({ body }: Received): number => (JSON.parse(body) as { data: { seq: number } }).data.seq;
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
  const [event] = (await office.events()).filter(({ type }) => type === "job_completed");
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

test("an attempt that failed is repeated with the same id, and nothing overtakes it", async () => {
  const { createOffice, startDelivery, addWebhook, announce, database } = await setupDelivery();
  const office = await createOffice();
  const receiver = await startReceiver();
  const webhook = await addWebhook(office, receiver.url);
  receiver.answerOnce(answering(500));
  receiver.answerOnce(resetting);
  receiver.answerOnce(answering(404, {}, "<html>no such page</html>"));
  const delivery = await startDelivery();
  await office.submit({ a: {} });
  await office.cancel("a");
  announce(office);

  await receiver.whenReceived(6);
  await delivery.stop();
  expect(receiver.received.map(seqOf)).toEqual([1, 1, 1, 1, 2, 3]);
  const ids = receiver.received.map(({ headers }) => headers["webhook-id"]);
  expect(new Set(ids).size).toBe(3);
  expect(await webhookNow(database, webhook)).toMatchObject({ delivered_seq: 3, failures: 0, last_error: null });
});

test.each([
  ["seconds", "120"],
  ["a date", () => new Date(Date.now() + 121_000).toUTCString()],
])("a receiver that names a time to come again, as %s, is left alone until then", async (_name, retryAfter) => {
  const { createOffice, startDelivery, addWebhook, announce, whenLogged } = await setupDelivery();
  const office = await createOffice();
  const receiver = await startReceiver();
  const webhook = await addWebhook(office, receiver.url);
  receiver.answer = answering(429, { "retry-after": typeof retryAfter === "string" ? retryAfter : retryAfter() });
  await startDelivery();
  await office.submit({ a: {} });
  announce(office);
  await whenLogged("events could not be delivered");
  const cursor = await cursorOf(office, `webhook ${webhook.id}`);
  expect(cursor).toMatchObject({ seq: "0", failures: 1, last_error: "the answer was 429", leased_by: null });
  expect(cursor.retry_in_s).toBeGreaterThan(100);
  expect(cursor.retry_in_s).toBeLessThan(125);
});

test("redirects are failures: nobody is followed anywhere", async () => {
  const { createOffice, startDelivery, addWebhook, announce, whenLogged } = await setupDelivery();
  const office = await createOffice();
  const [receiver, elsewhere] = [await startReceiver(), await startReceiver()];
  const webhook = await addWebhook(office, receiver.url);
  receiver.answer = answering(307, { location: elsewhere.url });
  await startDelivery({}, { backoffBaseMs: 60_000, backoffMaxMs: 60_000 });
  await office.submit({ a: {} });
  announce(office);
  await whenLogged("events could not be delivered");
  expect(elsewhere.received).toEqual([]);
  expect(await cursorOf(office, `webhook ${webhook.id}`)).toMatchObject({ last_error: "the answer was 307" });
});

test("a receiver that hangs is given up after a while, and keeps nobody waiting meanwhile", async () => {
  const { createOffice, startDelivery, addWebhook, announce, whenLogged } = await setupDelivery();
  const [office, other] = [await createOffice(), await createOffice()];
  const [hung, sound] = [await startReceiver(), await startReceiver()];
  hung.answer = hanging;
  const webhook = await addWebhook(office, hung.url);
  await addWebhook(office, `${sound.url}/same`);
  await addWebhook(other, `${sound.url}/other`);
  await startDelivery({}, { requestTimeoutMs: 1_000, backoffBaseMs: 60_000, backoffMaxMs: 60_000 });
  await office.submit({ a: {} });
  await other.submit({ a: {} });
  announce(office);
  announce(other);
  await hung.whenReceived(1);
  await sound.whenReceived(4);
  // It has waited for none of that.
  expect(await cursorOf(office, `webhook ${webhook.id}`)).toMatchObject({ seq: "0" });
  await whenLogged("events could not be delivered");
  expect(await cursorOf(office, `webhook ${webhook.id}`)).toMatchObject({
    failures: 1,
    last_error: "there was no answer within 1000 ms",
  });
});

test("many receivers that hang leave slots to the others", async () => {
  const { createOffice, startDelivery, addWebhook, announce, database } = await setupDelivery();
  const office = await createOffice();
  const hung = await startReceiver();
  hung.answer = hanging;
  for (let n = 0; n < 60; n += 1) await addWebhook(office, hung.url);
  // They have failed before.
  await sql({ database }, "UPDATE scheduler_cursors SET failures = 1, failing_since = scheduler_now()");
  const sound = await startReceiver();
  await addWebhook(office, sound.url);
  await startDelivery({}, { graceMs: 1 });
  await office.submit({ a: {} });
  announce(office);
  await hung.whenReceived(25);
  await sound.whenReceived(2);
  expect(hung.received).toHaveLength(25);
});

test("410 switches a webhook off, and switching it on goes on at once where it stopped", async () => {
  const { createOffice, startDelivery, addWebhook, announce, database, whenLogged } = await setupDelivery();
  const office = await createOffice();
  const receiver = await startReceiver();
  const webhook = await addWebhook(office, receiver.url);
  receiver.answerOnce(answering(410));
  await startDelivery();
  await office.submit({ a: {} });
  announce(office);
  await whenLogged("is switched off");
  expect(await webhookNow(database, webhook)).toMatchObject({
    enabled: false,
    delivered_seq: 0,
    last_error: "the answer was 410: nobody wants to be told there",
  });
  await office.submit({ b: {} });
  announce(office);
  const address = { officeId: office.id, webhookId: webhook.id };
  await changeWebhook(database, address, { enabled: true }, { allowPrivateWebhooks: true });
  announce(office);
  await receiver.whenReceived(5);
  expect(receiver.received.map(seqOf)).toEqual([1, 1, 2, 3, 4]);
});

test("a webhook that has failed for five days is switched off, and keeps the reason", async () => {
  const { createOffice, startDelivery, addWebhook, announce, database, whenLogged } = await setupDelivery();
  const office = await createOffice();
  const receiver = await startReceiver();
  receiver.answer = answering(503);
  const webhook = await addWebhook(office, receiver.url);
  const since = "UPDATE scheduler_cursors SET failures = 130, failing_since = scheduler_now() - interval '6 days'";
  await sql({ database }, since);
  await startDelivery();
  await office.submit({ a: {} });
  announce(office);
  await whenLogged("has failed for days");
  expect(await webhookNow(database, webhook)).toMatchObject({ enabled: false, last_error: "the answer was 503" });
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

test("what was told is not told again by the next process, and what was not is", async () => {
  const { createOffice, startDelivery, addWebhook, announce } = await setupDelivery();
  const office = await createOffice();
  const receiver = await startReceiver();
  await addWebhook(office, receiver.url);
  const first = await startDelivery();
  await office.submit({ a: {} });
  announce(office);
  await receiver.whenReceived(2);
  await first.stop();
  await office.submit({ b: {} });
  await startDelivery();
  await receiver.whenReceived(4);
  expect(receiver.received.map(seqOf)).toEqual([1, 2, 3, 4]);
});

test("several processes tell each event once, in order", async () => {
  const { createOffice, startDelivery, addWebhook, announce } = await setupDelivery();
  const offices = [await createOffice(), await createOffice(), await createOffice()];
  const receivers = await Promise.all(offices.map(() => startReceiver()));
  for (const [index, office] of offices.entries()) {
    for (const path of ["one", "two"]) await addWebhook(office, `${receivers[index]?.url}/${path}`);
  }
  const deliveries = [await startDelivery(), await startDelivery(), await startDelivery()];
  for (let round = 0; round < 20; round += 1) {
    for (const office of offices) {
      await office.submit({ [`job${round}`]: {} });
      announce(office);
    }
  }
  await Promise.all(receivers.map((receiver) => receiver.whenReceived(2 * 40)));
  await Promise.all(deliveries.map((delivery) => delivery.stop()));
  const seqs = Array.from({ length: 40 }, (_, index) => index + 1);
  for (const receiver of receivers) {
    for (const path of ["/one", "/two"]) {
      expect(receiver.received.filter((request) => request.path === path).map(seqOf)).toEqual(seqs);
    }
  }
});

test("a process that vanished while it was telling is stood in for when its lease is over", async () => {
  const { createOffice, startDelivery, addWebhook, database, announce } = await setupDelivery();
  const office = await createOffice();
  const receiver = await startReceiver();
  await addWebhook(office, receiver.url);
  await office.submit({ a: {} });
  const lease = "UPDATE scheduler_cursors SET leased_by = 'gone', leased_until = scheduler_now() + $1::interval";
  await sql({ database }, lease, ["1 hour"]);
  await startDelivery();
  announce(office);
  await sql({ database }, lease, ["-1 second"]);
  expect(receiver.received).toEqual([]);
  announce(office);
  await receiver.whenReceived(2);
  expect(receiver.received.map(seqOf)).toEqual([1, 2]);
});

test("a place is moved by the holder of its lease alone", async () => {
  const { createOffice, startDelivery, addWebhook, database, announce } = await setupDelivery();
  const office = await createOffice();
  const receiver = await startReceiver();
  const webhook = await addWebhook(office, receiver.url);
  const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
  receiver.answerOnce((response) => void answered.then(() => response.writeHead(204).end()));
  await office.submit({ a: {} });
  const delivery = await startDelivery();
  announce(office);
  await receiver.whenReceived(1);
  // It was taken for dead, and somebody else has gone on.
  await sql({ database }, "UPDATE scheduler_cursors SET leased_by = 'somebody else', seq = 2");
  answer();
  await delivery.stop();
  expect(await cursorOf(office, `webhook ${webhook.id}`)).toMatchObject({ seq: "2", leased_by: "somebody else" });
  expect(receiver.received).toHaveLength(1);
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
