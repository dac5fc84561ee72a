import { formatPlanError, parsePlan } from "office-server/domain/plan.ts";
import { describe, expect, test } from "vitest";

/** What is wrong with a plan, as `line:column message`. */
const errorsOf = (text: string): string[] => {
  const result = parsePlan(text, { file: "plan.yaml", directory: "/plans" });
  return result.ok ? [] : result.errors.map(({ line, column, message }) => `${line}:${column} ${message}`);
};

test("an error is written as file, line and column", () => {
  expect(formatPlanError({ file: "a/plan.yaml", line: 3, column: 7, message: "what is wrong" })).toBe(
    "a/plan.yaml:3:7: what is wrong",
  );
});

describe("the file", () => {
  test.each([
    ["is empty", "", "1:1 the plan is empty: it needs at least"],
    ["holds comments alone", "# soon\n", "1:1 the plan is empty"],
    ["is a list", "- a\n", "1:1 the plan must be a mapping of names to values, not a list"],
    ["is a word", "hello", '1:1 the plan must be a mapping of names to values, not "hello"'],
    ["has no jobs", "title: x\n", "1:1 jobs is missing: it must be a list"],
    ["has jobs without a value", "title: x\njobs:\n", "2:1 jobs must be a list, not empty"],
    ["has no job", "jobs: []\n", "1:7 jobs must have at least one entry"],
    ["has jobs by name", "jobs: { a: { run: x } }", "1:7 jobs must be a list, not a mapping"],
    ["holds two documents", "jobs: [{ key: a, run: x }]\n---\njobs: []\n", "2:1 a plan is one document"],
    ["holds NUL", "jobs: [{ key: a, run: 'x\0' }]", '1:23 jobs[0].run (job "a") must not contain a NUL'],
  ])("%s", (_, text, message) => {
    expect(errorsOf(text)).toEqual([expect.stringContaining(message)]);
  });

  test("broken YAML names each place", () => {
    const errors = errorsOf("jobs:\n  - key: a\n    run: [x\ntitle: b: c\n");
    expect(errors.length).toBeGreaterThan(1);
    expect(errors.every((error) => /^4:\d+ not valid YAML: [A-Z]/.test(error))).toBe(true);
  });

  test("tabs as indentation", () => {
    expect(errorsOf("jobs:\n\t- key: a\n")).toEqual([expect.stringMatching(/^2:1 not valid YAML: Tabs/)]);
  });

  test("what YAML only warns of is refused", () => {
    expect(errorsOf("jobs: [{ key: a, run: !env X }]")).toEqual(["1:23 not valid YAML: Unresolved tag: !env"]);
  });
});

describe("names", () => {
  test.each([
    [
      "that is unknown",
      "jobs: [{ key: a, run: x, dependsOn: [] }]",
      '1:26 jobs[0] (job "a") has no field "dependsOn" (did you mean "depends_on"?)',
    ],
    [
      "that is like no other",
      "jobs: [{ key: a, run: x }]\nxyz: 1",
      '2:1 the plan has no field "xyz": its fields are office, title, limits, roles, jobs',
    ],
    [
      "of a limit",
      "limits: { maxConcurrentJob: 3 }\njobs: [{ key: a, run: x }]",
      '1:11 limits has no field "maxConcurrentJob" (did you mean "maxConcurrentJobs"?)',
    ],
    [
      "of a role",
      "roles: { BE: { comand: [x] } }\njobs: [{ key: a, run: x }]",
      '1:16 roles.BE has no field "comand" (did you mean "command"?)',
    ],
    [
      "that is a number",
      "roles: { 12: { command: [x] } }\njobs: [{ key: a, run: x }]",
      '1:10 the name of a field must be text: write it in quotes, as "12"',
    ],
    ["that is a list", "? [a]\n: 1\njobs: [{ key: a, run: x }]", "1:3 the name of a field must be text"],
    [
      "that JavaScript keeps for itself",
      "roles: { __proto__: {} }\njobs: [{ key: a, run: x }]",
      '1:10 "__proto__" cannot be a name: choose another',
    ],
    [
      "that is there twice",
      "jobs:\n  - key: a\n    run: x\n    run: y\n",
      '4:5 "run" is here twice, first on line 3: keep one of them',
    ],
    [
      "of the environment",
      "jobs: [{ key: a, run: x, env: { 1A: x } }]",
      '1:33 jobs[0].env.1A (job "a"): the name "1A" must be made of letters, digits and _',
    ],
    [
      "that the scheduler sets",
      "jobs: [{ key: a, run: x, env: { JOB_ID: x } }]",
      '1:33 jobs[0].env.JOB_ID (job "a"): the name "JOB_ID" is set by the scheduler itself',
    ],
  ])("%s", (_, text, message) => {
    expect(errorsOf(text)).toEqual([expect.stringContaining(message)]);
  });
});

describe("values", () => {
  const job = (fields: string) => `jobs:\n  - { key: a, run: x, ${fields} }\n`;
  test.each([
    [job("timeout: -5m"), '2:32 jobs[0].timeout (job "a") must be a time above 0 such as 250ms, 90s, 30m'],
    [job("timeout: 0"), "or a whole number of ms, at most 366 days, not 0"],
    [job("priority: high"), '2:33 jobs[0].priority (job "a") must be a whole number, not "high"'],
    [job("retries: -1"), '2:32 jobs[0].retries (job "a") must be 0 or more, not -1'],
    [job("depends_on: b"), '2:35 jobs[0].depends_on (job "a") must be a list, not "b"; write it as a list: ["b"]'],
    [job("title:"), '2:23 jobs[0].title (job "a") must be text, not empty; leave the field out, or write its value'],
    [job("env: { CI: 1 }"), '2:34 jobs[0].env.CI (job "a") must be text, not 1; write it in quotes: "1"'],
    [job(`title: ${"x".repeat(201)}`), 'jobs[0].title (job "a") must not be longer than 200 characters'],
    ["jobs: [{ key: a, run: true }]", '1:23 jobs[0].run (job "a") must be text, not true; write it in quotes: "true"'],
    ["jobs: [{ run: x }]", "1:8 jobs[0].key is missing: it must be text"],
    ["jobs: [a]", '1:8 jobs[0] must be a mapping of names to values, not "a"'],
    [
      "limits: { maxConcurrentJobs: 0 }\njobs: [{ key: a, run: x }]",
      "1:30 limits.maxConcurrentJobs must be 1 or more, not 0",
    ],
    [
      "limits: { retryBackoff: fast }\njobs: [{ key: a, run: x }]",
      '1:25 limits.retryBackoff must be exponential or linear, not "fast"',
    ],
    [
      "roles: { BE: { command: ['{{promt}}'] } }\njobs: [{ key: a, run: x }]",
      "1:26 roles.BE.command[0] must not contain {{promt}}: what is filled in is {{prompt}},",
    ],
  ])("%j", (text, message) => {
    expect(errorsOf(text)).toEqual([expect.stringContaining(message)]);
  });

  test("a value behind an alias is reported where it is written", () => {
    expect(errorsOf("roles: { BE: { env: &e { A: 1 } } }\njobs:\n  - { key: a, run: x, env: *e }")).toEqual([
      expect.stringContaining("1:29 roles.BE.env.A must be text"),
      expect.stringContaining('1:29 jobs[0].env.A (job "a") must be text'),
    ]);
    expect(errorsOf("jobs:\n  - &b { key: a, run: 1 }\n  - { <<: *b, key: c }")).toEqual([
      expect.stringContaining('2:23 jobs[0].run (job "a")'),
      expect.stringContaining('2:23 jobs[1].run (job "c")'),
    ]);
  });

  test("an alias to nothing, to itself, and a merge of no mapping", () => {
    expect(errorsOf("jobs: [*nope, &s [*s], { <<: 3, key: a, run: x }]")).toEqual([
      "1:8 *nope stands for nothing: write &nope above it",
      expect.stringContaining("1:18 jobs[1] must be a mapping"),
      "1:19 *s is used within what it stands for",
      "1:30 << takes a mapping or a list of mappings, such as *base",
    ]);
  });
});

describe("jobs that do not fit together", () => {
  test.each([
    [
      "an unknown dependency",
      "jobs:\n  - { key: schema, run: x }\n  - { key: test, run: x, depends_on: [schem] }",
      '3:39 jobs[1].depends_on[0] (job "test") names an unknown job, "schem" (did you mean "schema"?)',
    ],
    [
      "a dependency like no job",
      "jobs: [{ key: test, run: x, depends_on: [build] }]",
      'names an unknown job, "build": no job has this key',
    ],
    [
      "a duplicate key",
      "jobs:\n  - { key: a, run: x }\n  - { key: a, run: y }",
      '3:12 jobs[1].key (job "a") is a duplicate: the job on line 2 has the same key; give each its own',
    ],
    [
      "a self-dependency",
      "jobs: [{ key: a, run: x, depends_on: [a] }]",
      '1:39 jobs[0].depends_on[0] (job "a") names its own job: a job cannot wait for itself',
    ],
    [
      "a dependency named twice",
      "jobs: [{ key: a, run: x }, { key: b, run: x, depends_on: [a, a] }]",
      '1:62 jobs[1].depends_on[1] (job "b") names "a" once more',
    ],
    [
      "a cycle",
      "jobs:\n  - { key: z, run: x }\n  - { key: a, run: x, depends_on: [z, b] }\n  - { key: b, run: x, depends_on: [c] }\n  - { key: c, run: x, depends_on: [a] }",
      '3:39 jobs[1].depends_on[1] (job "a") closes a cycle: a → b → c → a, each waiting for the next; remove one',
    ],
    [
      "nothing to run",
      "jobs: [{ key: a, prompt: x }]",
      '1:8 job "a" has nothing to run: add run or command to it, or a command to role "default" under roles',
    ],
    [
      "nothing to run, with a role that is nearly one",
      "roles: { Architect: { command: [x] } }\njobs: [{ key: a, role: architect }]",
      '2:8 job "a" has nothing to run: add run or command to it, or a command to role "architect" under roles (did you mean "Architect"?)',
    ],
    [
      "two ways to run",
      "jobs: [{ key: a, run: x, command: [x] }]",
      '1:18 job "a" has both run and command: keep run for a shell line',
    ],
  ])("%s", (_, text, message) => {
    expect(errorsOf(text)).toEqual([expect.stringContaining(message)]);
  });

  test("a long cycle is shortened in the middle", () => {
    const jobs = Array.from({ length: 100 }, (_, index) => ({
      key: `k${index}`,
      run: "x",
      depends_on: [`k${(index + 1) % 100}`],
    }));
    const [error = ""] = errorsOf(JSON.stringify({ jobs }));
    expect(error).toContain("k0 → k1 → k2 →");
    expect(error).toContain("→ … → k99 → k0,");
  });
});

test("all problems are reported at once, in the order of the file", () => {
  const errors = errorsOf(`ofice: x
limits: { maxConcurrentJobs: 0 }
jobs:
  - { key: a, run: x, depends_on: [b], timeout: soon }
  - { key: b, run: x, depends_on: [a, a] }
  - { run: x, depends_on: [nobody-can-tell] }
  - { key: 7, prompt: x }
  - { key: a, run: x, run: y }
`);
  expect(errors.map((error) => error.split(" ").slice(0, 3).join(" "))).toEqual([
    "1:1 the plan",
    "2:30 limits.maxConcurrentJobs must",
    "4:36 jobs[0].depends_on[0] (job",
    "4:49 jobs[0].timeout (job",
    "5:39 jobs[1].depends_on[1] (job",
    "6:5 jobs[2].key is",
    "7:5 jobs[3] has",
    "7:12 jobs[3].key must",
    "8:12 jobs[4].key (job",
    '8:23 "run" is',
  ]);
});

test("no message lets control characters through", () => {
  const errors = errorsOf('"\\e[31m": 1\njobs: [{ key: "\\e[2J", run: x, role: "\\a", depends_on: ["\\u009b1m"] }]');
  expect(errors.length).toBeGreaterThan(3);
  for (const error of errors) expect(error).not.toMatch(/\p{Cc}/u);
});
