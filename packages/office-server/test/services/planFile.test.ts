import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PLAN_BYTES_MAX } from "office-contract/limits.ts";
import { readPlanFile } from "office-server/services/planFile.ts";
import { afterAll, beforeAll, expect, test } from "vitest";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "office-plan-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const write = (name: string, content: string | Buffer): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};

const problemOf = async (path: string): Promise<string> => {
  const result = await readPlanFile(path);
  if (result.ok) throw new Error("the plan was accepted");
  const [error] = result.errors;
  expect(result.errors).toEqual([{ file: path, line: 1, column: 1, message: error?.message }]);
  return error?.message ?? "";
};

test("a plan's folders are relative to its file", async () => {
  const result = await readPlanFile(write("plan.yaml", "jobs: [{ key: ü, run: x, cwd: sub }]"));
  expect(result.ok && result.plan.jobs[0]).toMatchObject({ key: "ü", session: { cwd: join(folder, "sub") } });
});

test("errors name the file as it was given", async () => {
  const path = write("wrong.yaml", "jobs:\n  - { key: a }\n");
  const result = await readPlanFile(path);
  expect(result.ok || result.errors[0]).toMatchObject({ file: path, line: 2, column: 5 });
});

test("no file", async () => {
  expect(await problemOf(join(folder, "missing.yaml"))).toBe("there is no such file");
  expect(await problemOf(join(write("file", "x"), "plan.yaml"))).toBe("there is no such file");
});

test("a folder", async () => {
  mkdirSync(join(folder, "plans"));
  expect(await problemOf(join(folder, "plans"))).toBe("this is a folder: name the plan file in it");
});

test("a ring of links", async () => {
  symlinkSync("ring", join(folder, "ring"));
  expect(await problemOf(join(folder, "ring"))).toMatch(/^the file cannot be read: ELOOP/);
});

test("text that is not UTF-8", async () => {
  expect(await problemOf(write("latin1.yaml", Buffer.from("title: caf\xe9\n", "latin1")))).toBe(
    "the plan is not UTF-8 text: save it as UTF-8",
  );
});

test("too many bytes, and no more than these are read", async () => {
  const message = "the plan is larger than 32 MiB: split it into smaller plans";
  expect(await problemOf(write("large.yaml", Buffer.alloc(PLAN_BYTES_MAX + 1, "#")))).toBe(message);
  expect(await problemOf("/dev/zero")).toBe(message);
});
