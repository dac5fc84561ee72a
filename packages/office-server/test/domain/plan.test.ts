import { globSync, readFileSync } from "node:fs";
import { type Plan, parsePlan } from "office-server/domain/plan.ts";
import { describe, expect, test } from "vitest";

const parse = (text: string): Plan => {
  const result = parsePlan(text, { file: "plan.yaml", directory: "/home/office/plans" });
  if (!result.ok) throw new Error(result.errors.map(({ message }) => message).join("\n"));
  return result.plan;
};

const firstJob = (text: string) => parse(text).jobs[0];

describe("a whole plan", () => {
  const plan = parse(`
office: website
title: Login feature
limits: { maxConcurrentJobs: 3, maxConcurrentByRole: { BE: 1 }, retryMaxDelay: 2h }
roles:
  BE:
    command: [claude, -p]
    stdin: "{{prompt}}"
    cwd: backend
    timeout: 30m
    env: { A: role, B: role }
jobs:
  - key: schema
    role: BE
    title: Write the schema
    prompt: Design the tables
    env: { B: job }
  - key: test
    role: BE
    run: npm test
    depends_on: [schema]
    priority: -5
    timeout: 45m
    retries: 1
    cwd: ../packages/api
`);

  test("has its office, title and limits, with times in ms", () => {
    expect(plan).toMatchObject({
      office: "website",
      title: "Login feature",
      limits: { maxConcurrentJobs: 3, maxConcurrentByRole: { BE: 1 }, retryMaxDelay: 7_200_000 },
    });
    expect([...plan.roles.keys()]).toEqual(["BE"]);
  });

  test("gives a job its role's program, input, folder, time and environment", () => {
    expect(plan.jobs[0]).toEqual({
      key: "schema",
      role: "BE",
      title: "Write the schema",
      prompt: "Design the tables",
      session: {
        command: ["claude", "-p"],
        stdin: "{{prompt}}",
        cwd: "/home/office/plans/backend",
        env: { A: "role", B: "job" },
      },
      dependsOn: [],
      priority: 0,
      timeoutMs: 1_800_000,
      maxRetries: null,
    });
  });

  test("what a job says itself comes before its role, and the role's input is not for its own program", () => {
    expect(plan.jobs[1]).toEqual({
      key: "test",
      role: "BE",
      title: "test",
      prompt: null,
      session: { run: "npm test", cwd: "/home/office/packages/api", env: { A: "role", B: "role" } },
      dependsOn: ["schema"],
      priority: -5,
      timeoutMs: 2_700_000,
      maxRetries: 1,
    });
  });
});

describe("defaults", () => {
  test("of the smallest plan", () => {
    expect(parse("jobs: [{ key: a, run: x }]")).toEqual({
      office: null,
      title: null,
      limits: {},
      roles: new Map(),
      jobs: [
        {
          key: "a",
          role: "default",
          title: "a",
          prompt: null,
          session: { run: "x", cwd: "/home/office/plans", env: {} },
          dependsOn: [],
          priority: 0,
          timeoutMs: null,
          maxRetries: null,
        },
      ],
    });
  });

  test("a job without a role gets the command of the role named default", () => {
    expect(firstJob("roles: { default: { command: [x] } }\njobs: [{ key: a }]")?.session.command).toEqual(["x"]);
  });

  test("a job's own command replaces its role's, and takes no input", () => {
    const { session } =
      firstJob("roles: { QA: { command: [x], stdin: y } }\njobs: [{ key: a, role: QA, command: [z] }]") ?? {};
    expect(session).toEqual({ command: ["z"], cwd: "/home/office/plans", env: {} });
  });

  test("absolute folders stay", () => {
    expect(firstJob("jobs: [{ key: a, run: x, cwd: /srv/x }]")?.session.cwd).toBe("/srv/x");
  });

  test("a plan changes no setting of roles that it does not name", () => {
    expect(
      firstJob("limits: { timeoutByRole: { BE: 5m } }\njobs: [{ key: a, role: BE, run: x }]")?.timeoutMs,
    ).toBeNull();
  });
});

describe("YAML", () => {
  test("JSON is read too", () => {
    expect(firstJob('{"jobs": [{"key": "a", "run": "x", "depends_on": []}]}\n')).toMatchObject({ key: "a" });
  });

  test("aliases and merges stand for what they name", () => {
    const { jobs } = parse(`
jobs:
  - &base { key: a, run: x, timeout: 5m, env: &env { A: "1", B: "1" } }
  - { <<: *base, key: b, depends_on: [a] }
  - { key: c, run: y, env: { <<: [*env], B: "2" } }
`);
    expect(jobs[1]).toMatchObject({
      key: "b",
      session: { run: "x", env: { A: "1" } },
      timeoutMs: 300_000,
      dependsOn: ["a"],
    });
    expect(jobs[2]?.session.env).toEqual({ A: "1", B: "2" });
  });

  test("an alias may be used as often as there are jobs", () => {
    const lines = Array.from({ length: 5000 }, (_, index) => `  - { key: k${index}, role: BE, run: x, env: *env }`);
    const { jobs } = parse(`roles: { BE: { env: &env { A: "1" } } }\njobs:\n${lines.join("\n")}`);
    expect(jobs).toHaveLength(5000);
    expect(jobs.at(-1)?.session.env).toEqual({ A: "1" });
  });

  test("a name in use further down stands for the nearest above", () => {
    const { jobs } = parse(
      "jobs: [{ key: a, run: &x one }, { key: b, run: *x }, { key: c, run: &x two }, { key: d, run: *x }]",
    );
    expect(jobs.map(({ session }) => session.run)).toEqual(["one", "one", "two", "two"]);
  });

  test("long text keeps its lines", () => {
    expect(firstJob("jobs:\n  - key: a\n    run: |\n      one\n      two\n")?.session.run).toBe("one\ntwo\n");
  });

  test("a byte order mark and Windows line ends are no problem", () => {
    expect(parse("\ufeffjobs:\r\n  - key: a\r\n    run: x\r\n").jobs).toHaveLength(1);
  });
});

test("keys and roles may be named like anything in JavaScript, but for what YAML objects cannot hold", () => {
  const { jobs } = parse(`
roles: { constructor: { command: [x] }, toString: { command: [y] } }
jobs: [{ key: __proto__, run: x }, { key: toString, role: constructor, depends_on: [__proto__] }, { key: hasOwnProperty, role: toString }]`);
  expect(jobs.map(({ key, session }) => [key, session.run ?? session.command])).toEqual([
    ["__proto__", "x"],
    ["toString", ["x"]],
    ["hasOwnProperty", ["y"]],
  ]);
});

const examples = globSync("*.yaml", { cwd: new URL("../../../../examples", import.meta.url) });

test("there are examples", () => {
  expect(examples.toSorted()).toEqual(["agents.yaml", "hello.yaml", "self-check.yaml"]);
});

test.each(examples)("the example %s is valid, and editors find its schema", (name) => {
  const text = readFileSync(new URL(`../../../../examples/${name}`, import.meta.url), "utf8");
  expect(parse(text).jobs.length).toBeGreaterThan(2);
  expect(text.split("\n")[0]).toBe("# yaml-language-server: $schema=../packages/office-contract/plan.schema.json");
});
