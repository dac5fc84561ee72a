import { globSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type Rule, rules, type SourceFile, withoutComments } from "./support/tidyRules.ts";

const files: SourceFile[] = globSync(["packages/*/{src,test}/**/*.{ts,tsx,sql}", "{test,bench,e2e}/**/*.ts", "*.ts"], {
  exclude: ["**/node_modules/**"],
}).map((path) => ({ path, text: readFileSync(path, "utf8") }));

const rule = (name: string): Rule => {
  const found = rules.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no rule is called ${name}`);
  return found;
};

test("there are files to look at", () => {
  expect(files.length).toBeGreaterThan(10);
});

test.each(rules)("$name", ({ check }) => {
  expect(files.flatMap(check).map(({ path, line, message }) => `${path}:${line} ${message}`)).toEqual([]);
});

describe("each rule finds what it is for", () => {
  const domain = "packages/office-server/src/domain/example.ts";
  test.each([
    ["clock", domain, "const now = Date.now();"],
    ["clock", domain, "const now = new Date();"],
    ["clock", domain, "const start = performance.now();"],
    ["randomness", domain, "const id = crypto.randomUUID();"],
    ["randomness", domain, "Math.random()"],
    ["randomness", domain, 'import { v7 } from "uuid";'],
    ["timers", domain, "setTimeout(() => wake(), 10);"],
    ["timers", "packages/office-cli/src/example.ts", 'import { setTimeout } from "node:timers/promises";'],
    ["environment", domain, "process.env.HOME"],
    ["one door for states", domain, "query(`UPDATE job_queue SET priority = 1`)"],
    ["one door for states", "packages/office-server/src/db/queries/example.sql", "update public.job_executions"],
    ["one door for states", domain, "UPDATE x\n SET status = 'done'"],
    ["unfinished work", domain, "// TODO: later"],
    ["reasons for exceptions", domain, "// oxlint-disable-next-line no-console"],
    ["names", "packages/office-cli/src/utils.ts", ""],
    ["names", "packages/office-cli/src/helpers/format.ts", ""],
  ])("%s in %s: %s", (name, path, text) => {
    expect(rule(name).check({ path, text: `\n${text}` })).toHaveLength(1);
  });
});

describe("each rule leaves alone what is allowed", () => {
  const platform = "packages/office-server/src/platform/example.ts";
  const host = "packages/office-server/src/services/session/host/main.ts";
  const service = "packages/office-server/src/services/example.ts";
  test.each([
    ["clock", platform, "Date.now()"],
    ["clock", service, "new Date(row.created_at)"],
    ["clock", service, "// Date.now() would be wrong here"],
    ["timers", host, "setTimeout(kill, 10_000)"],
    ["timers", service, "runtime.setTimeout(id, 10)"],
    ["timers", service, "setTimeout(executionId: string, timeoutMs: number): void {"],
    ["environment", "bench/main.ts", "process.env.JOBS"],
    [
      "one door for states",
      "packages/office-server/src/db/transitions/settle.ts",
      "UPDATE job_queue SET status = 'done'",
    ],
    ["reasons for exceptions", service, "// oxlint-disable-next-line no-shadow -- the name says it best"],
    ["names", "packages/office-server/src/platform/clock.ts", ""],
  ])("%s in %s: %s", (name, path, text) => {
    expect(rule(name).check({ path, text })).toEqual([]);
  });
});

test("comments go, strings and line numbers stay", () => {
  const text = 'const a = "// kept"; // gone\n/* gone\n gone */ const b = `/* kept */`;';
  expect(withoutComments({ path: "a.ts", text })).toBe(
    'const a = "// kept";        \n       \n         const b = `/* kept */`;',
  );
});
