import { expect, test } from "vitest";
import { cursorOf, setupDelivery } from "./deliveryWorld.ts";
import { answering, hanging, type Received, resetting, startReceiver } from "./receiver.ts";

const KEY = "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.c2lnbmF0dXJl";

interface Broadcast {
  messages: { topic: string; event: string; payload: { seq: number }; private: boolean }[];
}
const seqsOf = ({ body }: Received): number[] =>
  (JSON.parse(body) as Broadcast).messages.map(({ payload }) => payload.seq);

async function setupSupabase(pacing: Parameters<Awaited<ReturnType<typeof setupDelivery>>["startDelivery"]>[1] = {}) {
  const world = await setupDelivery();
  const supabase = await startReceiver();
  supabase.answer = answering(202);
  const config = { supabase: { url: supabase.url, serviceRoleKey: KEY } };
  return { ...world, supabase, delivery: await world.startDelivery(config, pacing) };
}

test("events are broadcast on the channel of their office, as Supabase documents it", async () => {
  const { createOffice, announce, supabase } = await setupSupabase();
  const office = await createOffice();
  await office.submit({ a: {} });
  announce(office);
  const [request] = await supabase.whenReceived(1);
  const events = await office.events();
  const body = JSON.stringify({
    messages: events.map((event) => ({
      topic: `office:${office.id}`,
      event: event.type,
      payload: event,
      private: true,
    })),
  });
  expect(events.map(({ type }) => type)).toEqual(["job_created", "job_ready"]);
  expect(request).toEqual({
    method: "POST",
    path: "/realtime/v1/api/broadcast",
    headers: {
      host: new URL(supabase.url).host,
      connection: "keep-alive",
      "content-type": "application/json",
      "content-length": String(Buffer.byteLength(body)),
      "user-agent": "office-scheduler",
      apikey: KEY,
      authorization: `Bearer ${KEY}`,
    },
    body,
  });
});

test("many events go in batches of a hundred, in order", async () => {
  const { createOffice, announce, supabase } = await setupSupabase();
  const office = await createOffice();
  await office.submit(Object.fromEntries(Array.from({ length: 125 }, (_, index) => [`job${index}`, {}])));
  announce(office);
  await supabase.whenReceived(3);
  expect(supabase.received.map((request) => seqsOf(request).length)).toEqual([100, 100, 50]);
  expect(supabase.received.flatMap(seqsOf)).toEqual(Array.from({ length: 250 }, (_, index) => index + 1));
});

test.each([
  ["limits the rate", answering(429, { "retry-after": "0" })],
  ["is in trouble", answering(500)],
  ["hangs", hanging],
  ["cuts the connection", resetting],
])("nothing is lost when Supabase %s; smaller batches are tried", async (_name, trouble) => {
  const { createOffice, announce, supabase, delivery } = await setupSupabase({ requestTimeoutMs: 200 });
  const office = await createOffice();
  supabase.answerOnce(trouble);
  await office.submit(Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`job${index}`, {}])));
  announce(office);
  await supabase.whenReceived(3);
  await delivery.stop();
  expect(supabase.received.map((request) => seqsOf(request).length)).toEqual([100, 50, 70]);
  expect(supabase.received.slice(1).flatMap(seqsOf)).toEqual(Array.from({ length: 120 }, (_, index) => index + 1));
  expect(await cursorOf(office, "supabase")).toMatchObject({ seq: "120", failures: 0 });
});

test("the key gets into no log", async () => {
  const { createOffice, announce, supabase, whenLogged, log } = await setupSupabase();
  const office = await createOffice();
  supabase.answerOnce(answering(401, {}, `{"message":"Invalid token ${KEY}"}`));
  await office.submit({ a: {} });
  announce(office);
  await whenLogged("events could not be delivered");
  await supabase.whenReceived(2);
  expect(log.join("")).not.toContain(KEY);
});
