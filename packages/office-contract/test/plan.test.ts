import { SCHEDULER_ENV_NAMES, planJobSchema, planSchema } from "office-contract/plan.ts";
import { TEMPLATE_NAMES } from "office-contract/session.ts";
import { describe, expect, test } from "vitest";

const messages = (plan: unknown): string[] =>
  planSchema.safeParse(plan).error?.issues.map(({ path, message }) => `${path.join(".")} ${message}`) ?? [];

const withJob = (fields: object) => ({ jobs: [{ key: "a", run: "true", ...fields }] });

test("times are read as ms, written out or as numbers", () => {
  const plan = planSchema.parse({
    limits: { defaultTimeout: "30m", timeoutByRole: { QA: "1h", BE: 5000 }, retryBaseDelay: "0s", retryMaxDelay: 7 },
    roles: { BE: { command: ["true"], timeout: "90s" } },
    jobs: [{ key: "a", run: "true", timeout: "1h30m" }],
  });
  expect(plan.limits).toEqual({
    defaultTimeout: 1_800_000,
    timeoutByRole: { QA: 3_600_000, BE: 5000 },
    retryBaseDelay: 0,
    retryMaxDelay: 7,
  });
  expect(plan.roles?.["BE"]?.timeout).toBe(90_000);
  expect(plan.jobs[0]?.timeout).toBe(5_400_000);
});

test.each([0, -1, 1.5, "0s", "-5m", "soon", "367d", 366 * 86_400_000 + 1, Number.NaN, true, null, ["5m"]])(
  "%j is no timeout",
  (timeout) => {
    expect(messages(withJob({ timeout }))).toEqual([expect.stringContaining("jobs.0.timeout must be a time above 0")]);
  },
);

test.each([
  { run: "a\0b" },
  { prompt: "\ud800" },
  { title: "two\nlines" },
  { title: "x".repeat(201) },
  { title: "  " },
  { role: "" },
  { key: "" },
  { env: { "A=B": "x" } },
  { env: { A: "\0" } },
  { cwd: "" },
  { command: [] },
  { command: [""] },
  { depends_on: "b" },
  { priority: 2 ** 31 },
  { retries: 101 },
  { unknown: 1 },
])("a job with %j is refused", (fields) => {
  expect(messages(withJob(fields))).toHaveLength(1);
});

test.each(SCHEDULER_ENV_NAMES)("%s may not be set", (name) => {
  expect(planJobSchema.safeParse({ key: "a", env: { [name]: "x" } }).success).toBe(false);
});

describe("placeholders", () => {
  const all = TEMPLATE_NAMES.map((name) => `{{${name}}}`).join(", ");

  test.each(TEMPLATE_NAMES)("{{%s}} may be used", (name) => {
    expect(
      messages({ roles: { BE: { command: ["x", `{{${name}}}`], stdin: `a {{${name}}} b` } }, ...withJob({}) }),
    ).toEqual([]);
  });

  test.each(["{{promt}}", "{{ prompt }}", "{{PROMPT}}"])("%s is refused by name", (placeholder) => {
    expect(messages({ roles: { BE: { command: ["x"], stdin: `{{prompt}} ${placeholder}` } }, ...withJob({}) })).toEqual(
      [`roles.BE.stdin must not contain ${placeholder}: what is filled in is ${all}`],
    );
  });

  test("other braces are text", () => {
    expect(messages(withJob({ run: undefined, command: ["docker", "ps", "--format", "{{.Names}} {{}} {x}"] }))).toEqual(
      [],
    );
  });
});
