import { deleteExpiredEvents } from "office-server/db/transitions/deleteExpired.ts";
import { changeWebhook } from "office-server/services/events/webhooks.ts";
import { expect, test } from "vitest";
import { sql } from "../../../../../test/support/scheduler.ts";
import { cursorOf, setupDelivery } from "./deliveryWorld.ts";
import { startReceiver, toldSeq } from "./receiver.ts";

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
  expect(receiver.received.map(toldSeq)).toEqual([1, 2, 3, 4]);
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
      expect(receiver.received.filter((request) => request.path === path).map(toldSeq)).toEqual(seqs);
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
  expect(receiver.received.map(toldSeq)).toEqual([1, 2]);
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

test("no event is kept for those who are switched off, and for the others all are", async () => {
  const { createOffice, addWebhook, database } = await setupDelivery();
  const office = await createOffice();
  const [one, other] = [
    await addWebhook(office, "http://one.example"),
    await addWebhook(office, "http://other.example"),
  ];
  await office.submit({ a: {}, b: {} });
  const deleteAll = () => deleteExpiredEvents(database, office.id, "infinity", 1_000);
  const switchOff = ({ id }: { id: string }) =>
    changeWebhook(
      database,
      { officeId: office.id, webhookId: id },
      { enabled: false },
      { allowPrivateWebhooks: false },
    );
  await switchOff(one);
  expect(await deleteAll()).toBe(0);
  await switchOff(other);
  // The newest always stays.
  expect(await deleteAll()).toBe(3);
});
