import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { WriteStream } from "node:tty";
import { stripVTControlCharacters } from "node:util";
import { checkPlan } from "../src/commands/check.ts";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "office-check-"));
  vi.stubEnv("NO_COLOR", undefined);
  vi.stubEnv("FORCE_COLOR", undefined);
  vi.stubEnv("NODE_DISABLE_COLORS", undefined);
  vi.stubEnv("TERM", "xterm-256color");
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

/** Checks a plan the way a terminal of `columns` does, or another program. */
const check = async (text: string, columns?: number) => {
  const path = join(folder, "plan.yaml");
  writeFileSync(path, text);
  const terminal =
    columns === undefined ? {} : { isTTY: true, columns, getColorDepth: () => WriteStream.prototype.getColorDepth() };
  const stdout = Object.assign(new PassThrough(), terminal);
  const stderr = Object.assign(new PassThrough(), terminal);
  const exitCode = await checkPlan(path, { stdout, stderr });
  return { exitCode, path, stdout: String(stdout.read() ?? ""), stderr: String(stderr.read() ?? "") };
};

const jobs = (count: number, dependsOn: (index: number) => string[]) =>
  JSON.stringify({
    jobs: Array.from({ length: count }, (_, index) => ({
      key: `job-${index}`,
      run: "x",
      depends_on: dependsOn(index),
    })),
  });

describe("a valid plan", () => {
  test("is described by its groups in order and its critical path", async () => {
    const { exitCode, stdout, stderr } = await check(`title: Login
jobs:
  - { key: release, run: x, depends_on: [api, form] }
  - { key: design, run: x, role: Architect }
  - { key: form, run: x, depends_on: [design] }
  - { key: api, run: x, depends_on: [schema] }
  - { key: schema, run: x, depends_on: [design] }
`);
    expect(exitCode).toBe(0);
    expect(stderr).toBe("");
    expect(stdout).toBe(`Login
5 jobs, 5 dependencies, 2 roles, 4 groups, the widest of 2 jobs

Groups in order (the jobs of a group can run side by side)
  1  design
  2  form, schema
  3  api
  4  release

Critical path (the longest chain: 4 jobs)
  design → schema → api → release
`);
  });

  test("of one job is described in the singular, by its file's name", async () => {
    const { stdout, path } = await check("jobs: [{ key: a, run: x }]");
    expect(stdout.split("\n").slice(0, 2)).toEqual([
      path,
      "1 job, 0 dependencies, 1 role, 1 group, the widest of 1 job",
    ]);
  });

  test("is written whole for other programs, a group a line", async () => {
    const { stdout } = await check(jobs(1000, (index) => (index < 500 ? [] : [`job-${index - 1}`])));
    const lines = stdout.split("\n");
    expect(lines.find((line) => line.startsWith("    1  "))?.split(", ")).toHaveLength(500);
    expect(lines).toContain("  501  job-999");
    expect(lines.at(-2)?.split(" → ")).toHaveLength(501);
  });

  test("fits the terminal, says what is left out, and has colours", async () => {
    const { stdout } = await check(
      jobs(1000, (index) => (index < 500 ? [] : [`job-${index - 1}`])),
      60,
    );
    const lines = stripVTControlCharacters(stdout).split("\n");
    expect(stdout).not.toBe(stripVTControlCharacters(stdout));
    expect(lines.length).toBeLessThan(70);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(60);
    expect(lines).toContain("       … and 480 more");
    expect(lines).toContain("  … and 461 more groups");
  });

  test("has no colours where NO_COLOR is set", async () => {
    vi.stubEnv("NO_COLOR", "1");
    const { stdout } = await check("jobs: [{ key: a, run: x }]", 80);
    vi.stubEnv("NO_COLOR", undefined);
    expect(stdout).toBe(stripVTControlCharacters(stdout));
  });
});

describe("an invalid plan", () => {
  test("exits with 2 and says what is wrong, and where", async () => {
    const { exitCode, stdout, stderr, path } = await check("jobs:\n  - { key: a, run: x, depends_on: [b] }\n");
    expect(exitCode).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toBe(
      `${path}:2:36: jobs[0].depends_on[0] (job "a") names an unknown job, "b": no job has this key\n`,
    );
  });

  test("has its first 20 problems printed, and the others counted", async () => {
    const { stderr } = await check(jobs(30, () => ["nobody"]));
    const lines = stderr.trimEnd().split("\n");
    expect(lines).toHaveLength(21);
    expect(lines.at(-1)).toBe("… and 10 more problems");
  });

  test("that is not there is said to be missing", async () => {
    const stderr = new PassThrough();
    expect(await checkPlan(join(folder, "missing.yaml"), { stdout: new PassThrough(), stderr })).toBe(2);
    expect(String(stderr.read())).toBe(`${join(folder, "missing.yaml")}:1:1: there is no such file\n`);
  });
});
