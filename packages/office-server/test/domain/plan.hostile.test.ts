import { EDGES_MAX, JOBS_MAX } from "office-contract/limits.ts";
import { type PlanResult, parsePlan } from "office-server/domain/plan.ts";
import { describe, expect, test, vi } from "vitest";

const parse = (text: string): PlanResult => parsePlan(text, { file: "plan.yaml", directory: "/plans" });

const messagesOf = (text: string): string[] => {
  const result = parse(text);
  return result.ok ? [] : result.errors.map(({ message }) => message);
};

/** Processor time. Each of these takes a part of it, or without its limit would take minutes. */
const COST_MS_MAX = 8000;
/** Wall clock time of a test, for a machine that does much else. */
vi.setConfig({ testTimeout: 60_000 });

const costMs = (work: () => void): number => {
  const start = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
};

const messagesSoon = (text: string): string[] => {
  let messages: string[] = [];
  const cost = costMs(() => {
    messages = messagesOf(text);
  });
  expect(cost).toBeLessThan(COST_MS_MAX);
  return messages;
};

const range = <Item>(length: number, item: (index: number) => Item): Item[] =>
  Array.from({ length }, (_, index) => item(index));

describe("aliases that stand for too much", () => {
  const expanded = "written out without aliases this is too much: use fewer of them";

  test("a billion laughs", () => {
    const laughs = range(30, (level) => `a${level + 1}: &a${level + 1} [${range(10, () => `*a${level}`).join(", ")}]`);
    expect(messagesSoon(`a0: &a0 [lol]\n${laughs.join("\n")}\njobs: *a30`)).toEqual([expanded]);
  });

  test("a billion merges", () => {
    const merges = range(
      30,
      (level) => `m${level + 1}: &m${level + 1} { <<: [${range(10, () => `*m${level}`).join(", ")}] }`,
    );
    expect(messagesSoon(`m0: &m0 { a: b }\n${merges.join("\n")}`)).toEqual([expanded]);
  });

  test("one long text, ten thousand times", () => {
    const text = "x".repeat(100_000);
    expect(
      messagesSoon(
        `jobs:\n- { key: k, run: &x ${text} }\n${range(9999, (job) => `- { key: k${job}, run: *x }`).join("\n")}`,
      ),
    ).toEqual([expanded]);
  });

  test("one long environment that a role gives to each of ten thousand jobs", () => {
    const env = range(100, (index) => `V${index}: ${"x".repeat(100)}`).join(", ");
    const jobs = range(10_000, (index) => `{ key: k${index} }`).join(", ");
    expect(messagesSoon(`roles: { default: { command: [x], env: { ${env} } } }\njobs: [${jobs}]`)).toEqual([
      expect.stringMatching(/^the jobs carry \d+ characters .* at most 67108864 may be: keep long text in files$/),
    ]);
  });
});

describe("nesting", () => {
  test.each(["[", "{a: ", "- ", "? ", "a: [", "!x [", "&x ["])("a hundred thousand times %j", (opening) => {
    expect(messagesSoon(opening.repeat(100_000))).toEqual([
      expect.stringMatching(/^nested more than 64 levels deep|^not valid YAML: /),
    ]);
  });

  test("by indentation", () => {
    expect(messagesSoon(range(2000, (depth) => `${" ".repeat(depth)}a:`).join("\n"))).toEqual([
      "nested more than 64 levels deep: no plan needs that",
    ]);
  });
});

describe("size", () => {
  const job = (key: string, dependsOn: string[] = []) => ({ key, run: "x", depends_on: dependsOn });

  test("too many jobs", () => {
    const jobs = range(JOBS_MAX + 1, (index) => job(`k${index}`));
    expect(messagesSoon(JSON.stringify({ jobs }))).toEqual([
      "10001 jobs are too many: a plan may have 10000; split it",
    ]);
  });

  test("too many dependencies", () => {
    const targets = range(251, (index) => `t${index}`);
    const jobs = [...targets.map((key) => job(key)), ...range(200, (index) => job(`k${index}`, targets))];
    expect(jobs.length * targets.length).toBeGreaterThan(EDGES_MAX);
    expect(messagesSoon(JSON.stringify({ jobs }))).toEqual([
      "50200 dependencies are too many: a plan may have 50000; split it",
    ]);
  });

  test.each([["list entries", `jobs: [${"a,".repeat(700_000)}]`]])("too many %s", (_, text) => {
    expect(messagesSoon(text)).toEqual(["the plan holds too much: split it into smaller plans"]);
  });

  test.each([
    ["anchors", "&a ".repeat(200_000)],
    ["brackets", "{}".repeat(1_000_000)],
    ["documents", "---\n".repeat(1_000_000)],
    ["commas", ",".repeat(3_000_000)],
    ["NUL", "\0".repeat(1_000_000)],
    [
      "wrong dependencies",
      JSON.stringify({ jobs: range(10_000, (index) => job(`k${index}`, ["a", "bb", "ccc", "dddd", `x${index}`])) }),
    ],
    [
      "wrong names",
      JSON.stringify({ jobs: [{ ...job("a"), env: Object.fromEntries(range(50_000, (index) => [`A-${index}`, 1])) }] }),
    ],
    ["one very long name", `${"x".repeat(5_000_000)}: 1\njobs: [{ key: a, run: x }]`],
  ])("much of nothing: %s", (_, text) => {
    expect(messagesSoon(text).length).toBeGreaterThan(0);
  });

  test("a plan at the limits is read in about a second", () => {
    const jobs = range(JOBS_MAX, (index) =>
      job(
        `job-${index}`,
        range(5, (step) => index - (step + 1) * 7)
          .filter((other) => other >= 0)
          .map((other) => `job-${other}`),
      ),
    );
    const text = JSON.stringify({ jobs });
    expect(parse(text)).toMatchObject({ ok: true, plan: { jobs: { length: JOBS_MAX } } });
    expect(costMs(() => parse(text))).toBeLessThan(4000);
  });
});

test("messages stay short, whatever the value is", () => {
  const long = "y".repeat(1_000_000);
  const messages = messagesOf(
    `jobs: [{ key: a, run: x, timeout: ${long}, ${long}: 1, depends_on: [${long}] }, { key: ${long} }]`,
  );
  expect(messages.length).toBeGreaterThan(3);
  for (const message of messages) expect(message.length).toBeLessThan(400);
});
