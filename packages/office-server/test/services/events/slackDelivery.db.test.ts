import { appendOutput } from "office-server/db/output.ts";
import { failed, timedOut } from "office-server/domain/lifecycle.ts";
import { describe, expect, test } from "vitest";
import { sql } from "../../../../../test/support/scheduler.ts";
import type { TestOffice } from "../../../../../test/support/testOffice.ts";
import { cursorOf, PUBLIC_URL, setupDelivery } from "./deliveryWorld.ts";
import { answering, hanging, type Received, resetting, startReceiver } from "./receiver.ts";

interface Message {
  text: string;
  blocks: { type: string; text?: { text: string }; fields?: { text: string }[] }[];
}

const messageOf = ({ body }: Received): Message => JSON.parse(body) as Message;
const shown = (request: Received | undefined): string =>
  request === undefined
    ? ""
    : messageOf(request)
        .blocks.flatMap(({ text, fields = [] }) => [text?.text ?? "", ...fields.map((field) => field.text)])
        .join("\n");

/** Submits jobs and has each of them fail for good. */
async function failAll(office: TestOffice, ...keys: string[]): Promise<void> {
  await office.submit(Object.fromEntries(keys.map((key) => [key, {}])));
  for (const job of (await office.claim()).values()) await office.fail(job);
}

async function setupSlack(pacing: Parameters<Awaited<ReturnType<typeof setupDelivery>>["startDelivery"]>[1] = {}) {
  const world = await setupDelivery();
  const slack = await startReceiver();
  slack.answer = answering(200, { "content-type": "text/html" }, "ok");
  const start = () => world.startDelivery({ slackWebhookUrl: `${slack.url}/services/T0/B0/secret` }, pacing);
  return { ...world, slack, startSlack: start, delivery: await start() };
}

test("a job that failed for good is told of: who, what, why, how often, the last lines and where to read on", async () => {
  const { createOffice, announce, slack, database } = await setupSlack();
  const office = await createOffice();
  await office.submit({ login: { title: "Build <the> login & more", role: "BE" } });
  const job = await office.claimOne();
  const output = ["one", "two", "\u001b[31mthree & <four>\u001b[0m", "```five```", ""].join("\n");
  await appendOutput(database, [{ executionId: job.execution_id, startAt: 0, data: Buffer.from(output) }]);
  await office.settle(job, failed({ errorClass: "EXIT_CODE", errorMessage: "exit code 1: a < b", exitCode: 1 }));
  announce(office);

  const [request] = await slack.whenReceived(1);
  const [{ name } = { name: "" }] = await sql<{ name: string }>(office, "SELECT name FROM offices");
  const body = JSON.stringify({
    text: "BE: Build &lt;the&gt; login &amp; more failed (EXIT_CODE)",
    blocks: [
      {
        type: "header",
        text: { type: "plain_text", text: "Build <the> login & more failed", emoji: false },
      },
      {
        type: "section",
        fields: [
          { type: "mrkdwn", text: `*Office*\n${name}` },
          { type: "mrkdwn", text: "*Role*\nBE" },
          { type: "mrkdwn", text: "*Job*\nlogin" },
          { type: "mrkdwn", text: "*Attempts*\n1" },
        ],
      },
      { type: "section", text: { type: "mrkdwn", text: "*EXIT_CODE*: exit code 1: a &lt; b" } },
      {
        type: "section",
        text: {
          type: "mrkdwn",
          text: "```\none\ntwo\nthree &amp; &lt;four&gt;\n`\u200b`\u200b`five`\u200b`\u200b`\n```",
        },
      },
      {
        type: "section",
        text: {
          type: "mrkdwn",
          text: `<${PUBLIC_URL}/offices/${office.id}/jobs/${office.idOf("login")}|Open the job>`,
        },
      },
    ],
  });
  expect(request).toEqual({
    method: "POST",
    path: "/services/T0/B0/secret",
    headers: {
      host: new URL(slack.url).host,
      connection: "keep-alive",
      "content-type": "application/json",
      "content-length": String(Buffer.byteLength(body)),
      "user-agent": "office-scheduler",
    },
    body,
  });
});

test("only what is final is told of: no retry, no cancellation, none of what a failure has cancelled", async () => {
  const { createOffice, announce, slack, delivery } = await setupSlack();
  const office = await createOffice({ maxConcurrentJobs: 5 });
  await office.submit({ retried: {}, cancelled: {}, late: {}, ends: { depends_on: ["late"] } });
  const jobs = await office.claim();
  const job = (key: string) => {
    const found = jobs.get(key);
    if (found === undefined) throw new Error(`${key} did not start`);
    return found;
  };
  await office.retryLater(job("retried"), 60_000);
  await office.cancel("cancelled");
  await office.settle(job("late"), timedOut({ errorClass: "TIMEOUT", errorMessage: "it ran for 1 s", exitCode: null }));
  announce(office);
  const [request] = await slack.whenReceived(1);
  expect(messageOf(request as Received).text).toBe("BE: Do late timed out (TIMEOUT)");
  await delivery.stop();
  expect(await office.states()).toMatchObject({ late: "timeout", ends: "cancelled", retried: "pending" });
  expect(slack.received).toHaveLength(1);
  expect(await cursorOf(office, "slack")).toMatchObject({ seq: String((await office.events()).length) });
});

test("a job that is retried by hand and fails again is told of again", async () => {
  const { createOffice, announce, slack } = await setupSlack();
  const office = await createOffice();
  await failAll(office, "a");
  announce(office);
  await slack.whenReceived(1);
  await office.retry(["a"]);
  await office.fail(await office.claimOne());
  announce(office);
  await slack.whenReceived(2);
  expect(slack.received.map((request) => shown(request).match(/\*Attempts\*\n\d/)?.[0])).toEqual([
    "*Attempts*\n1",
    "*Attempts*\n2",
  ]);
});

test("what fails within a while after a message goes into one other message", async () => {
  const { createOffice, announce, slack, delivery, startSlack } = await setupSlack({ foldMs: 600_000 });
  const office = await createOffice({ maxConcurrentJobs: 50 });
  await failAll(office, "first");
  announce(office);
  await slack.whenReceived(1);
  await failAll(office, ...Array.from({ length: 12 }, (_, index) => `job${index}`));
  announce(office);
  await delivery.stop();
  expect(slack.received).toHaveLength(1);
  expect((await cursorOf(office, "slack")).retry_in_s).toBeGreaterThan(500);
  // The while is over, be it in this process or in the next.
  await sql(office, "UPDATE scheduler_cursors SET retry_at = scheduler_now()");
  await startSlack();
  await slack.whenReceived(2);
  const folded = slack.received[1];
  expect(messageOf(folded as Received).text).toMatch(/^12 jobs failed in /);
  const lines = shown(folded).split("\n");
  expect(lines).toHaveLength(13);
  expect(lines[1]).toBe("12 INVALID_JOB");
  expect(lines[2]).toBe(
    `• BE: <${PUBLIC_URL}/offices/${office.id}/jobs/${office.idOf("job0")}|Do job0> (INVALID_JOB: it is broken)`,
  );
  expect(lines[12]).toBe("and 2 more");
});

test("nothing is told twice, and the office of one message does not hold up another's", async () => {
  const { createOffice, announce, slack } = await setupSlack({ foldMs: 600_000 });
  const [one, other] = [await createOffice(), await createOffice()];
  await failAll(one, "a");
  await failAll(other, "b");
  announce(one);
  announce(other);
  await slack.whenReceived(2);
  expect(slack.received.map((request) => messageOf(request).text).toSorted()).toEqual([
    "BE: Do a failed (INVALID_JOB)",
    "BE: Do b failed (INVALID_JOB)",
  ]);
});

describe("an alert is not lost when Slack", () => {
  test.each([
    ["limits the rate", answering(429, { "retry-after": "0" }, "rate_limited")],
    ["is in trouble", answering(503)],
    ["hangs", hanging],
    ["cuts the connection", resetting],
  ])("%s", async (_name, trouble) => {
    const { createOffice, announce, slack } = await setupSlack({ requestTimeoutMs: 200 });
    const office = await createOffice();
    slack.answerOnce(trouble);
    await failAll(office, "a");
    announce(office);
    const [first, second] = await slack.whenReceived(2);
    expect(second?.body).toBe(first?.body);
  });
});

test("a message that Slack refuses for its form goes as plain text", async () => {
  const { createOffice, announce, slack } = await setupSlack();
  const office = await createOffice();
  slack.answerOnce(answering(400, {}, "invalid_blocks"));
  await failAll(office, "a");
  announce(office);
  const [, plain] = await slack.whenReceived(2);
  expect(plain?.body).toBe(JSON.stringify({ text: "BE: Do a failed (INVALID_JOB)" }));
});

test("why Slack did not take it is kept, for people to read, and Retry-After is respected", async () => {
  const { createOffice, announce, slack, whenLogged, log } = await setupSlack();
  const office = await createOffice();
  slack.answer = answering(429, { "retry-after": "30" }, "rate_limited");
  await failAll(office, "a");
  announce(office);
  await whenLogged("events could not be delivered");
  const cursor = await cursorOf(office, "slack");
  expect(cursor).toMatchObject({ failures: 1, last_error: "the answer was 429: rate_limited" });
  expect(cursor.retry_in_s).toBeGreaterThan(25);
  expect(log.join("")).not.toContain("/services/T0/B0/secret");
});

test("what failed before Slack was set up is not told of; in offices that come later, all is", async () => {
  const { createOffice, announce, startDelivery } = await setupDelivery();
  const office = await createOffice();
  await failAll(office, "before");
  const slack = await startReceiver();
  const first = await startDelivery({ slackWebhookUrl: slack.url });
  await first.stop();
  const later = await createOffice();
  await failAll(office, "after");
  await failAll(later, "new");
  const second = await startDelivery({ slackWebhookUrl: slack.url });
  announce(office);
  await slack.whenReceived(2);
  await second.stop();
  expect(slack.received.map((request) => messageOf(request).text).toSorted()).toEqual([
    "BE: Do after failed (INVALID_JOB)",
    "BE: Do new failed (INVALID_JOB)",
  ]);
});

test("a consumer that no process is configured for is forgotten after a while", async () => {
  const { database, startDelivery } = await setupDelivery();
  const slack = await startReceiver();
  await (await startDelivery({ slackWebhookUrl: slack.url })).stop();
  const ids = () => sql<{ id: string }>({ database }, "SELECT id FROM scheduler_consumers");
  await (await startDelivery()).stop();
  expect(await ids()).toEqual([{ id: "slack" }]);
  await sql({ database }, "UPDATE scheduler_consumers SET seen_at = scheduler_now() - interval '6 days'");
  await (await startDelivery()).stop();
  expect(await ids()).toEqual([]);
});
