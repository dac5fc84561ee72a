import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type OfficeFolder, setup } from "./support/officeFolder.ts";
import type { OfficeRun } from "./support/officeRun.ts";

/** Not even reading it may begin anything: no database, no folder, no session. */
async function refused(folder: OfficeFolder, args: readonly string[], environment = {}): Promise<OfficeRun> {
  const before = readdirSync(folder.path);
  const run = folder.start(args, environment);
  const exit = await run.exit;
  expect({ exit, stderr: run.stderr }).toMatchObject({ exit: 2 });
  expect(run.stdout).toEqual([]);
  expect(run.stderr).not.toMatch(/\n\s+at |node:internal/);
  expect(readdirSync(folder.path)).toEqual(before);
  return run;
}

const oneJob = (fields: string): string => `jobs:\n  - { key: a, run: touch never${fields} }\n`;
const range = (length: number): number[] => Array.from({ length }, (_, index) => index);

const aliasBomb = [
  "a0: &a0 [lol]",
  ...range(30).map((level) => `a${level + 1}: &a${level + 1} [${`*a${level}, `.repeat(10)}]`),
  "jobs: *a30",
].join("\n");

const tooManyJobs = JSON.stringify({ jobs: range(10_001).map((index) => ({ key: `k${index}`, run: "true" })) });
const tooManyEdges = JSON.stringify({
  jobs: [
    ...range(251).map((index) => ({ key: `t${index}`, run: "true" })),
    ...range(200).map((job) => ({ key: `k${job}`, run: "true", depends_on: range(251).map((index) => `t${index}`) })),
  ],
});

describe("a plan that is wrong ends with 2, says where, and starts and stores nothing", () => {
  test.each<[string, string | Buffer, string, string]>([
    [
      "a cycle",
      "jobs:\n  - { key: a, run: x, depends_on: [c] }\n  - { key: b, run: x, depends_on: [a] }\n  - { key: c, run: x, depends_on: [b] }\n",
      "2:36",
      "closes a cycle: a → c → b → a",
    ],
    ["a job that waits for itself", oneJob(", depends_on: [a]"), "2:46", "a job cannot wait for itself"],
    [
      "an unknown key",
      `${oneJob(", depends_on: [bild]")}  - { key: build, run: x }\n`,
      "2:46",
      'names an unknown job, "bild" (did you mean "build"?)',
    ],
    ["a duplicate key", `${oneJob("")}  - { key: a, run: x }\n`, "3:12", "is a duplicate: the job on line 2"],
    ["a wrong type", oneJob(", priority: high"), "2:43", 'must be a whole number, not "high"'],
    ["an unknown field", oneJob(", dependson: []"), "2:33", 'did you mean "depends_on"?'],
    ["an unknown field of the plan", `tilte: x\n${oneJob("")}`, "1:1", 'did you mean "title"?'],
    ["a negative timeout", oneJob(", timeout: -5"), "2:42", "must be a time above 0"],
    ["a limit below 1", `limits: { maxConcurrentJobs: 0 }\n${oneJob("")}`, "1:30", "maxConcurrentJobs"],
    ["a role's limit below 1", `limits: { maxConcurrentByRole: { BE: 0 } }\n${oneJob("")}`, "1:38", "BE"],
    ["no jobs", "jobs: []\n", "1:7", "jobs"],
    ["nothing", "", "1:1", "the plan is empty"],
    ["comments alone", "# nothing yet\n", "1:1", "the plan is empty"],
    ["something else", "just some text\n", "1:1", ""],
    ["broken YAML", "jobs:\n  - { key: a, run: [ }\n", "2:22", "not valid YAML"],
    ["broken JSON", '{ "jobs": [ { "key": "a" ', "1:26", "not valid YAML"],
    ["an alias bomb", aliasBomb, "", "written out without aliases this is too much"],
    ["too many jobs", tooManyJobs, "1:9", "10001 jobs are too many"],
    ["too many dependencies", tooManyEdges, "1:9", "50200 dependencies are too many"],
    ["binary junk", Buffer.concat([Buffer.from([0xff, 0xfe, 0]), randomBytes(4_096)]), "1:1", "the plan is not UTF-8"],
    ["a job with nothing to run", "jobs:\n  - { key: a, role: BE }\n", "2:5", 'job "a" has nothing to run'],
  ])("%s", async (_, text, place, message) => {
    const folder = await setup({ database: false });
    writeFileSync(folder.at("plan.yaml"), text);
    for (const command of ["run", "check"]) {
      const { stderr } = await refused(folder, [command, "plan.yaml"]);
      expect(stderr.split("\n")[0]).toMatch(new RegExp(`^plan\\.yaml:${place || "\\d+:\\d+"}: `));
      expect(stderr).toContain(message);
      expect(stderr.split("\n").length).toBeLessThan(25);
    }
  });

  test.each([
    ["a missing file", "missing.yaml", "there is no such file"],
    ["a folder", "folder", "this is a folder"],
    ["a file below a file", "file.txt/plan.yaml", "there is no such file"],
  ])("%s", async (_, plan, message) => {
    const folder = await setup({ database: false });
    mkdirSync(folder.at("folder"));
    folder.write("file.txt", "");
    for (const options of [[], ["--json"], ["--resume"]]) {
      const { stderr } = await refused(folder, ["run", plan, ...options]);
      expect(stderr).toMatch(new RegExp(`^${plan}:1:1: ${message}`));
    }
  });
});

describe("a command line or an environment that is wrong ends with 2", () => {
  test.each<[string, string[], string]>([
    ["an unknown command", ["rum", "plan.yaml"], "Did you mean run?"],
    ["an unknown option", ["run", "plan.yaml", "--jason"], "Did you mean --json?"],
    ["no plan", ["run"], "missing required argument 'plan'"],
    ["two plans", ["run", "plan.yaml", "plan.yaml"], "too many arguments"],
    ["nothing", [], "Usage: office"],
  ])("%s", async (_, args, message) => {
    const folder = await setup({ database: false });
    expect((await refused(folder, args)).stderr).toContain(message);
  });

  test.each<[string, string, string]>([
    ["MAX_SESSIONS", "0", 'MAX_SESSIONS is "0"; it must be a whole number from 1 to 10000'],
    ["MAX_SESSIONS", "many", 'MAX_SESSIONS is "many"'],
    ["TICK_INTERVAL_MS", "-1", 'TICK_INTERVAL_MS is "-1"'],
    ["LOG_LEVEL", "loud", 'LOG_LEVEL is "loud"; it must be one of trace, debug, info, warn, error'],
    ["DATABASE_SCHEMA", 'x"; DROP', "DATABASE_SCHEMA is"],
    [
      "DATABASE_URL",
      "mysql://me:secret@host/db",
      'DATABASE_URL is "mysql://me:***@host/db"; it must be an address like',
    ],
  ])("%s=%s", async (name, value, message) => {
    const folder = await setup({ database: false });
    folder.plan({ jobs: [{ key: "a", run: "touch never" }] });
    const { stderr } = await refused(folder, ["run", "plan.yaml"], { [name]: value });
    expect(stderr).toContain(message);
    expect(stderr).not.toContain("secret");
  });
});

describe("a database that does not answer", () => {
  // Nothing listens on port 1; the other one is no PostgreSQL's name.
  test.each([
    ["refuses", "postgres://me:secret@127.0.0.1:1/office", "ECONNREFUSED"],
    ["is not known", "postgres://me:secret@no-such-host.invalid/office", "no-such-host.invalid"],
  ])("it %s: exit 1, one line, no password", async (_, url, message) => {
    const folder = await setup({ database: false, environment: { DATABASE_URL: url } });
    const run = await folder.run(folder.plan({ jobs: [{ key: "a", run: "touch never" }] }));
    expect(await run.exit).toBe(1);
    expect(run.stdout).toEqual([]);
    expect(run.stderr).toMatch(/^office: DATABASE_URL postgres:\/\/me:\*\*\*@[^\n]* takes no connection: [^\n]*\n$/);
    expect(run.stderr).toContain(message);
    expect(folder.has("never")).toBe(false);
  });
});
