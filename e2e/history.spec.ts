import type { JobEvent } from "office-contract/events.ts";
import type { EventType } from "office-contract/vocabulary.ts";
import { describe, expect, test } from "vitest";
import { type Expectations, problemsOf } from "./support/history.ts";

const id = (number: number): string => `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;
const NUMBERS: Readonly<Record<string, number>> = { a: 1, b: 2, c: 3 };

/** A history written as `type key attempt`: each event a millisecond after the one before. */
function history(...lines: string[]): JobEvent[] {
  return lines.map((line, index) => {
    const [type = "", key = "", attempt] = line.split(" ");
    const isOfSession = attempt !== undefined;
    return {
      seq: index + 1,
      type: `job_${type}` as EventType,
      office_id: id(0),
      task_id: id(0),
      job_id: id(NUMBERS[key] ?? 0),
      job_key: key,
      role: key === "c" ? "QA" : "BE",
      execution_id: isOfSession ? id((NUMBERS[key] ?? 0) * 1_000 + Number(attempt)) : null,
      attempt: isOfSession ? Number(attempt) : null,
      timestamp: new Date(1_800_000_000_000 + index).toISOString(),
      details: {},
    };
  });
}

const TWO: Expectations = {
  dependencies: new Map([
    ["a", []],
    ["b", ["a"]],
  ]),
  limits: { office: 1 },
};
const APART: Expectations = {
  dependencies: new Map([
    ["a", []],
    ["b", []],
    ["c", []],
  ]),
  limits: { office: 3 },
};

const GOOD = [
  "created a",
  "created b",
  "ready a",
  "started a 1",
  "retrying a 1",
  "ready a",
  "started a 2",
  "completed a 2",
  "ready b",
  "started b 1",
  "completed b 1",
];

test("nothing is wrong with a good history", () => {
  expect(problemsOf(history(...GOOD), TWO)).toEqual([]);
});

test("nor with jobs that are cancelled with what they depend on", () => {
  const lines = ["created a", "created b", "ready a", "started a 1", "timeout a 1", "cancelled b"];
  expect(problemsOf(history(...lines), TWO)).toEqual([]);
});

describe("a broken history", () => {
  const withEvent = (at: number, change: Partial<JobEvent>): JobEvent[] =>
    history(...GOOD).map((event, index) => (index === at ? { ...event, ...change } : event));
  const without = (at: number): string[] => GOOD.filter((_, index) => index !== at);
  const three = ["created a", "created b", "created c", "ready a", "ready b", "ready c", "started a 1", "started b 1"];

  test.each<[string, JobEvent[], Expectations, string]>([
    ["a gap", withEvent(10, { seq: 12 }), TWO, "12 job_completed b: follows 10"],
    ["a number twice", withEvent(10, { seq: 10 }), { ...TWO, shared: true }, "10 job_completed b: follows 10"],
    [
      "back in time",
      withEvent(9, { timestamp: new Date(0).toISOString() }),
      TWO,
      "10 job_started b: goes back in time",
    ],
    ["no event at all", withEvent(3, { role: null as unknown as string }), TWO, "4 job_started a: is no event: role"],
    [
      "a start before its dependency",
      history("created a", "created b", "ready b", "started b 1"),
      TWO,
      "4 job_started b: a, which it depends on, is pending",
    ],
    [
      "a start while its dependency runs",
      history("created a", "created b", "ready a", "started a 1", "ready b", "started b 1"),
      TWO,
      "6 job_started b: a, which it depends on, is processing",
    ],
    ["one too many", history(...three), { ...APART, limits: { office: 1 } }, "8 job_started b: 2 of 1 run"],
    [
      "one too many of a role",
      history(...three),
      { ...APART, limits: { office: 3, byRole: { BE: 1 } } },
      "8 job_started b: 2 of 1 run as BE",
    ],
    [
      "an end without a start",
      history("created a", "created b", "ready a", "completed a 1"),
      TWO,
      "4 job_completed a: it was ready",
    ],
    ["two ends", history(...GOOD, "failed b 1"), TWO, "12 job_failed b: it was done"],
    ["a start without being ready", history(...without(5)), TWO, "6 job_started a: it was pending"],
    ["a start while it runs", history(...without(4)), TWO, "5 job_ready a: it was processing"],
    ["an attempt left out", withEvent(6, { attempt: 3 }), TWO, "7 job_started a: attempt 3 follows 1"],
    [
      "the end of another execution",
      withEvent(7, { execution_id: id(9) }),
      TWO,
      "8 job_completed a: is about attempt 2, and 2 was running",
    ],
    [
      "an execution twice",
      withEvent(6, { execution_id: id(1_001) }),
      TWO,
      "7 job_started a: the execution has been there before",
    ],
    ["no end", history(...GOOD.slice(0, -1)), TWO, "b has no end: it is processing"],
    ["a job that never was", history(...GOOD.filter((line) => !line.includes(" b"))), TWO, "b has no event"],
    ["a job of nobody's", history(...GOOD, "created c"), TWO, "c is no job of the plan"],
  ])("%s", (_, events, expectations, problem) => {
    expect(problemsOf(events, expectations)).toContain(problem);
  });
});

test("a cancelled session holds its place no longer than the history can tell", () => {
  const lines = [
    "created a",
    "created b",
    "created c",
    "ready a",
    "ready b",
    "started a 1",
    "cancelled a 1",
    "started b 1",
  ];
  expect(problemsOf(history(...lines, "completed b 1", "cancelled c"), { ...APART, limits: { office: 1 } })).toEqual(
    [],
  );
});
