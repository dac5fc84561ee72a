import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { printableLine, tailLines } from "../../../src/services/session/tailLines.ts";

const folder = mkdtempSync(join(tmpdir(), "office-tail-"));
afterAll(() => rmSync(folder, { recursive: true }));

function fileWith(content: string | Buffer): string {
  const path = join(folder, "output.log");
  writeFileSync(path, content);
  return path;
}

test.each([
  ["", 3, []],
  ["one\n", 3, ["one"]],
  ["one\ntwo\nthree\n", 2, ["two", "three"]],
  ["one\ntwo", 1, ["two"]],
  ["one\n\n", 2, ["one", ""]],
  ["one\ntwo\n", 0, []],
])("of %j the last %i", async (content, count, expected) => {
  expect(await tailLines(fileWith(content), count)).toEqual(expected);
});

test("no file, no lines", async () => {
  expect(await tailLines(join(folder, "none"), 5)).toEqual([]);
});

test("a large file is read at its end only, and a cut line is not shown", async () => {
  const lines = Array.from({ length: 100_000 }, (_, index) => `line ${index}`);
  const tail = await tailLines(fileWith(`${lines.join("\n")}\n`), 1_000_000);
  expect(tail).toEqual(lines.slice(-tail.length));
  expect(tail.length).toBeGreaterThan(1_000);
  expect(tail.length).toBeLessThan(10_000);
});

test.each([
  ["\u001B[31mred\u001B[0m", "red"],
  ["\u001B]0;title\u0007text", "text"],
  ["10%\r50%\r100%", "100%"],
  ["windows\r", "windows"],
  ["tab\tstays, bell\u0007 and backspace\b go", "tab\tstays, bell and backspace go"],
  ["\u009B2J\u0000x", "x"],
  ["\u001B", ""],
])("%j is shown as %j", (line, shown) => {
  expect(printableLine(line)).toBe(shown);
});
