import { describe, expect, test } from "vitest";
import { problemIn, setupFileApi } from "../../../../../test/support/api.ts";
import type { TestOffice } from "../../../../../test/support/testOffice.ts";
import { appendOutput } from "../../../src/db/output.ts";
import { Announcer } from "../../../src/db/wakeups.ts";
import type { ClaimedJob } from "../../../src/db/transitions/runPass.ts";
import { newId } from "../../../src/platform/ids.ts";

const api = setupFileApi();

const pathOf = (office: TestOffice, key: string, query = ""): string =>
  `/api/offices/${office.id}/jobs/${office.idOf(key)}/logs${query}`;

const read = (office: TestOffice, key: string, query = "") => api().request("GET", pathOf(office, key, query));

const write = ({ execution_id: executionId }: ClaimedJob, startAt: number, text: string | Uint8Array) =>
  appendOutput(api().database, [{ executionId, startAt, data: typeof text === "string" ? Buffer.from(text) : text }]);

async function createRunningJob() {
  const office = await api().createOffice({ retryBaseDelay: 0 });
  await office.submit({ a: {} });
  return { office, claimed: await office.claimOne() };
}

describe("what is stored", () => {
  test("comes as text, of the newest attempt or of any other", async () => {
    const { office, claimed } = await createRunningJob();
    await write(claimed, 0, "first ünd\n");
    await office.retryLater(claimed, 0);
    const [second] = [...(await office.claim()).values()];
    if (second === undefined) throw new Error("it was to run again");
    await write(second, 0, "second\n");
    const newest = await read(office, "a");
    expect([newest.status, newest.headers.get("content-type"), newest.text]).toEqual([
      200,
      "text/plain; charset=utf-8",
      "second\n",
    ]);
    expect(newest.headers.get("x-attempt")).toBe("2");
    expect(newest.headers.get("x-execution-id")).toBe(second.execution_id);
    const oldest = await read(office, "a", "?attempt=1");
    expect([oldest.text, oldest.headers.get("x-attempt")]).toEqual(["first ünd\n", "1"]);
  });

  test("of an attempt that there was not is not there", async () => {
    const { office } = await createRunningJob();
    expect(problemIn(await read(office, "a", "?attempt=2"))).toMatchObject({ status: 404, code: "not_found" });
    await office.cancel("a");
    expect(problemIn(await read(office, "a", "?attempt=2&follow=1"))).toMatchObject({ status: 404 });
  });

  test("of a job that has not started is nothing", async () => {
    const office = await api().createOffice();
    await office.submit({ a: {} });
    const { status, text, headers } = await read(office, "a");
    expect([status, text, headers.get("x-attempt")]).toEqual([200, "", null]);
  });

  test("a gap is a line that says how much is left out", async () => {
    const { office, claimed } = await createRunningJob();
    await write(claimed, 0, "head\n");
    await write(claimed, 1_005, "middle");
    await write(claimed, 2_011, "tail\n");
    await expect(read(office, "a")).resolves.toMatchObject({
      text: "head\n[... 1000 bytes left out ...]\nmiddle\n[... 1000 bytes left out ...]\ntail\n",
    });
  });

  test("of a long output, its beginning and its newest part", async () => {
    const { office, claimed } = await createRunningJob();
    const mebibyte = 1024 * 1024;
    await write(claimed, 0, new Uint8Array(mebibyte).fill(65));
    for (let n = 1; n < 5; n++) await write(claimed, n * mebibyte, new Uint8Array(mebibyte).fill(65 + n));
    const { text } = await read(office, "a");
    expect(text).toBe(`${"A".repeat(mebibyte)}\n[... ${3 * mebibyte} bytes left out ...]\n${"E".repeat(mebibyte)}`);
  });

  test.for([
    [0, ""],
    [1, "three\n"],
    [2, "two\nthree\n"],
    [3, "one\ntwo\nthree\n"],
    [100, "one\ntwo\nthree\n"],
  ] as const)("its last %i lines", async ([lines, expected]) => {
    const { office, claimed } = await createRunningJob();
    await write(claimed, 0, "one\ntw");
    await write(claimed, 6, "o\nthree\n");
    await expect(read(office, "a", `?tail=${lines}`)).resolves.toMatchObject({ text: expected });
  });

  test("the last line counts also while it is not ended", async () => {
    const { office, claimed } = await createRunningJob();
    await write(claimed, 0, "one\ntwo");
    await expect(read(office, "a", "?tail=1")).resolves.toMatchObject({ text: "two" });
  });
});

/** A response as it comes: what has been read of it so far, and a wait for more. */
class Following {
  text = "";
  readonly response: Response;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();
  readonly #abort: AbortController;

  private constructor(response: Response, abort: AbortController) {
    if (response.body === null) throw new Error("there is no body");
    this.response = response;
    this.#reader = response.body.getReader();
    this.#abort = abort;
  }

  static async start(office: TestOffice, key: string, query = "?follow=1"): Promise<Following> {
    const abort = new AbortController();
    const { token, url } = api();
    const headers = { authorization: `Bearer ${token}` };
    return new Following(await fetch(url + pathOf(office, key, query), { headers, signal: abort.signal }), abort);
  }

  async until(text: string): Promise<void> {
    while (!this.text.includes(text)) {
      const { done, value } = await this.#reader.read();
      if (done) throw new Error(`it ended after ${JSON.stringify(this.text)}`);
      this.text += this.#decoder.decode(value, { stream: true });
    }
  }

  async untilEnd(): Promise<string> {
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done) return this.text;
      this.text += this.#decoder.decode(value, { stream: true });
    }
  }

  leave(): void {
    this.#abort.abort();
  }
}

describe("following", () => {
  test("hands on what comes, until the session has ended and all of it is there", async () => {
    const { office, claimed } = await createRunningJob();
    await write(claimed, 0, "one\n");
    const following = await Following.start(office, "a");
    expect(following.response.headers.get("x-attempt")).toBe("1");
    await following.until("one\n");
    await write(claimed, 4, "two\n");
    await following.until("two\n");
    await write(claimed, 8, "last words");
    await office.finish(claimed);
    await expect(following.untilEnd()).resolves.toBe("one\ntwo\nlast words");
  });

  test("ends with the attempt, though the job is tried again", async () => {
    const { office, claimed } = await createRunningJob();
    const following = await Following.start(office, "a");
    await write(claimed, 0, "one\n");
    await office.retryLater(claimed, 0);
    await office.claim();
    await expect(following.untilEnd()).resolves.toBe("one\n");
  });

  test("goes on while a cancelled session is being stopped", async () => {
    const { office, claimed } = await createRunningJob();
    await office.cancel("a");
    const following = await Following.start(office, "a");
    await write(claimed, 0, "stopping\n");
    await following.until("stopping\n");
    await write(claimed, 9, "stopped\n");
    await office.finish(claimed);
    await expect(following.untilEnd()).resolves.toBe("stopping\nstopped\n");
  });

  test("begins with the last lines, if asked to", async () => {
    const { office, claimed } = await createRunningJob();
    await write(claimed, 0, "one\ntwo\n");
    const following = await Following.start(office, "a", "?follow=true&tail=1");
    await following.until("two\n");
    await write(claimed, 8, "three\n");
    await office.finish(claimed);
    await expect(following.untilEnd()).resolves.toBe("two\nthree\n");
  });

  test("waits for the start of a job that has not begun", async () => {
    const office = await api().createOffice();
    await office.submit({ a: {}, b: { depends_on: ["a"] } });
    const following = await Following.start(office, "b");
    await office.finish(await office.claimOne());
    const b = await office.claimOne();
    await write(b, 0, "it began\n");
    await office.finish(b);
    await expect(following.untilEnd()).resolves.toBe("it began\n");
  });

  test("ends with nothing when the job comes to its end without a start", async () => {
    const office = await api().createOffice();
    await office.submit({ a: {} });
    const following = await Following.start(office, "a");
    await office.cancel("a");
    await expect(following.untilEnd()).resolves.toBe("");
  });

  test("of a job that has ended ends at once", async () => {
    const { office, claimed } = await createRunningJob();
    await write(claimed, 0, "all\n");
    await office.finish(claimed);
    await expect(read(office, "a", "?follow=1")).resolves.toMatchObject({ text: "all\n" });
  });

  test("wakes when somebody tells of a change", async () => {
    const { office, claimed } = await createRunningJob();
    const announcer = new Announcer(api().database, newId());
    const followers = await Promise.all(Array.from({ length: 10 }, () => Following.start(office, "a")));
    for (let n = 0; n < 20; n++) {
      await write(claimed, n, "x");
      announcer.announce([office.id]);
    }
    await office.finish(claimed);
    announcer.announce([office.id]);
    const texts = await Promise.all(followers.map((following) => following.untilEnd()));
    expect(new Set(texts)).toEqual(new Set(["x".repeat(20)]));
    await announcer.stop();
  });

  test("a client that goes away leaves nothing behind, and holds up nobody", async () => {
    const { office, claimed } = await createRunningJob();
    const [gone, stays] = [await Following.start(office, "a"), await Following.start(office, "a")];
    await write(claimed, 0, "one\n");
    await gone.until("one\n");
    gone.leave();
    await write(claimed, 4, "two\n");
    await office.finish(claimed);
    await expect(stays.untilEnd()).resolves.toBe("one\ntwo\n");
    const errors = api().log.filter((line) => (JSON.parse(line) as { level: string }).level === "error");
    expect(errors).toEqual([]);
  });

  test("too many at once are told to come again later", async () => {
    const { office, claimed } = await createRunningJob();
    const followers = await Promise.all(Array.from({ length: 200 }, () => Following.start(office, "a")));
    const refused = await read(office, "a", "?follow=1");
    expect(problemIn(refused)).toMatchObject({ status: 429, code: "too_many_requests" });
    expect(refused.headers.get("retry-after")).toBe("10");
    await expect(read(office, "a")).resolves.toMatchObject({ status: 200 });
    await office.finish(claimed);
    await Promise.all(followers.map((following) => following.untilEnd()));
    await expect(read(office, "a", "?follow=1")).resolves.toMatchObject({ status: 200 });
  });

  test("a client that reads nothing is waited for, and then gets all", async () => {
    const { office, claimed } = await createRunningJob();
    const following = await Following.start(office, "a");
    const mebibyte = 1024 * 1024;
    await write(claimed, 0, new Uint8Array(2 * mebibyte).fill(65));
    await office.finish(claimed);
    await expect(following.untilEnd()).resolves.toHaveLength(2 * mebibyte);
  });
});

test("the logs of a job that is not there are not there", async () => {
  const [office, other] = [await api().createOffice(), await api().createOffice()];
  await other.submit({ a: {} });
  office.adopt("theirs", other.idOf("a"));
  for (const query of ["", "?follow=1", "?tail=1", "?attempt=1"]) {
    expect(problemIn(await read(office, "theirs", query))).toMatchObject({ status: 404, code: "not_found" });
  }
});
