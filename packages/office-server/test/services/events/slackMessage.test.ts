import type { JobEvent } from "office-contract/events.ts";
import { manyAlerts, oneAlert, type SlackMessage } from "office-server/services/events/delivery/slackMessage.ts";
import { expect, test } from "vitest";

const office = { id: "0199c7a2-6f3e-7b11-9f5e-2d1c4b7a9e10", name: "website", publicUrl: "http://office.example" };

function failure(details: Record<string, unknown>, more: Partial<JobEvent> = {}): JobEvent {
  return {
    seq: 1,
    type: "job_failed",
    office_id: office.id,
    task_id: null,
    job_id: "0199c7a2-6f3e-7b11-9f5e-2d1c4b7a9e11",
    job_key: "login",
    role: "BE",
    execution_id: null,
    attempt: 3,
    timestamp: "2026-01-02T03:04:05.678Z",
    details,
    ...more,
  };
}

interface Block {
  type: string;
  text?: { type: string; text: string };
  fields?: { text: string }[];
}

/** Slack refuses a message whole when any of its parts is too long. */
function expectWithinLimits({ text, blocks }: SlackMessage): void {
  expect(text.length).toBeLessThanOrEqual(3_000);
  expect(blocks.length).toBeLessThanOrEqual(50);
  for (const { type, text: inner, fields = [] } of blocks as Block[]) {
    if (inner !== undefined) {
      expect(inner.text.length).toBeGreaterThan(0);
      expect(inner.text.length).toBeLessThanOrEqual(type === "header" ? 150 : 3_000);
    }
    for (const field of fields) expect(field.text.length).toBeLessThanOrEqual(2_000);
  }
  // So much is taken of all blocks together.
  expect(JSON.stringify(blocks).length).toBeLessThan(13_000);
}

const hostile = [
  "&<>".repeat(5_000),
  "`".repeat(10_000),
  "\u0000\u001b[31m\u0007".repeat(3_000),
  "🦊".repeat(5_000),
  "\ud800".repeat(5_000),
  "<!channel> <@U123> <https://evil.example|click>",
  "",
];

test.each(hostile)("any text fits and stays text (%#)", (text) => {
  const event = failure({ error_class: text, message: text }, { role: text || "BE", job_key: text });
  const job = { title: text, id: event.job_id } as never;
  const message = oneAlert(
    { ...office, name: text },
    { event, job },
    Array.from({ length: 10 }, () => text),
  );
  expectWithinLimits(message);
  const shown = JSON.stringify(message).replaceAll(/<http:\/\/office\.example[^>]*>/g, "");
  const plain = JSON.stringify((message.blocks[0] as Block).text?.text);
  expect(shown.replaceAll(plain, "")).not.toMatch(/[<>]/);
  expect(JSON.stringify(message).isWellFormed()).toBe(true);
});

test.each(hostile)("so do many (%#)", (text) => {
  const events = Array.from({ length: 1_000 }, () => failure({ error_class: text, message: text }, { role: text }));
  const jobs = [{ title: text, id: events[0]?.job_id } as never];
  const message = manyAlerts({ ...office, name: text }, events, jobs);
  expectWithinLimits(message);
  expect(message.text).toMatch(/^1000 jobs failed in /);
});

test("classes are counted, the most frequent first", () => {
  const events = ["EXIT_CODE", "TIMEOUT", "EXIT_CODE"].map((error_class) => failure({ error_class }));
  const [, counts] = manyAlerts(office, events, []).blocks as Block[];
  expect(counts?.text?.text).toBe("2 EXIT_CODE, 1 TIMEOUT");
});

test("nothing in the output can close its block", () => {
  const { blocks } = oneAlert(office, { event: failure({}), job: null }, ["a ``` b ```` c"]);
  const output = (blocks as Block[]).find(({ text }) => text?.text.startsWith("```"))?.text?.text ?? "";
  expect(output.match(/```/g)).toHaveLength(2);
});

test("a job that is gone is told of by its key", () => {
  const { text } = oneAlert(office, { event: failure({ error_class: "GIT_CONFLICT" }), job: null }, []);
  expect(text).toBe("BE: login failed (GIT_CONFLICT)");
});
