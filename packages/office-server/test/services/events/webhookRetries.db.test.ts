import { changeWebhook } from "office-server/services/events/webhooks.ts";
import { expect, test } from "vitest";
import { sql } from "../../../../../test/support/scheduler.ts";
import { cursorOf, setupDelivery, webhookNow } from "./deliveryWorld.ts";
import { answering, hanging, resetting, startReceiver, toldSeq } from "./receiver.ts";

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
  expect(receiver.received.map(toldSeq)).toEqual([1, 1, 1, 1, 2, 3]);
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
  expect(receiver.received.map(toldSeq)).toEqual([1, 1, 2, 3, 4]);
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
