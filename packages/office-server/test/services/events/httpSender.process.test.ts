import { HttpSender } from "office-server/services/events/delivery/HttpSender.ts";
import { expect, onTestFinished, test } from "vitest";
import { answering, type Receiver, startReceiver } from "./receiver.ts";

async function setupSender(options: Partial<ConstructorParameters<typeof HttpSender>[0]> = {}) {
  const receiver = await startReceiver();
  const sender = new HttpSender({ publicOnly: false, requestTimeoutMs: 5_000, ...options });
  onTestFinished(() => sender.close());
  const { signal } = new AbortController();
  const post = (url = receiver.url) => sender.post({ url, headers: { "x-test": "1" }, body: "{}" }, signal);
  return { receiver, sender, post };
}

test("no more of an answer is read than 64 KiB", async () => {
  const { receiver, post } = await setupSender();
  receiver.answer = (response) => {
    response.writeHead(500);
    const write = (): void => {
      if (!response.destroyed) response.write("x".repeat(100_000), write);
    };
    write();
  };
  const answer = await post();
  expect(answer.status).toBe(500);
  expect(answer.text).toHaveLength(64 * 1024);
});

test("what an answer means is known before its end", async () => {
  const { receiver, post } = await setupSender({ requestTimeoutMs: 300 });
  receiver.answer = (response) => {
    response.writeHead(200);
    response.write("it never ends");
  };
  expect(await post()).toMatchObject({ status: 200, retryAfterMs: null });
});

test("nothing is decompressed", async () => {
  const { receiver, post } = await setupSender();
  receiver.answer = answering(500, { "content-encoding": "gzip" }, "no gzip at all");
  expect(await post()).toMatchObject({ status: 500, text: "no gzip at all" });
});

test.each([
  ["5", 5_000],
  ["0", 0],
  ["999999999", 24 * 60 * 60 * 1_000],
  ["Thu, 01 Jan 1970 00:00:00 GMT", 0],
  ["soon", null],
  ["-1", 0],
  ["", null],
])("Retry-After: %s is read as %s ms", async (header, expected) => {
  const { receiver, post } = await setupSender();
  receiver.answer = answering(429, { "retry-after": header });
  expect((await post()).retryAfterMs).toBe(expected);
});

const closed = async (): Promise<string> => {
  const receiver: Receiver = await startReceiver();
  const { url } = receiver;
  receiver.stop();
  return url;
};

test("why there was no answer can be told to whoever set the address", async () => {
  const { sender, post } = await setupSender();
  await expect(post(await closed())).rejects.toThrow("the connection was refused");
  await expect(post("http://nowhere.invalid")).rejects.toThrow(/there is no such host|could not be looked up/);
  await sender.close();
  await expect(post()).rejects.toThrow(/./);
});

test("a call that is called off ends at once", async () => {
  const { receiver, sender } = await setupSender();
  receiver.answer = () => {};
  const abort = new AbortController();
  const posted = sender.post({ url: receiver.url, headers: {}, body: "{}" }, abort.signal);
  await receiver.whenReceived(1);
  abort.abort();
  await expect(posted).rejects.toThrow(/abort/i);
});
