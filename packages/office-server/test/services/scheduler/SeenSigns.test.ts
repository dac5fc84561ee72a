import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SeenSigns, SIGNS_FILE } from "office-server/services/scheduler/SeenSigns.ts";
import { expect, onTestFinished, test, vi } from "vitest";

const sign = (id: string, text: string) => ({ id, sign: text, lease_ms: 20_000 });
const refuse = (error: unknown): never => {
  throw error;
};

function setup() {
  const folder = mkdtempSync(join(tmpdir(), "office-signs-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, SIGNS_FILE);
}

test("a sign's age counts from when it was first seen, and a new one's anew", () => {
  const signs = new SeenSigns(setup());
  expect(signs.note([sign("a", "1")], 1_000, refuse)).toEqual(new Map([["a", 0]]));
  expect(signs.note([sign("a", "1"), sign("b", "7")], 4_000, refuse)).toEqual(
    new Map([
      ["a", 3_000],
      ["b", 0],
    ]),
  );
  expect(signs.note([sign("a", "2"), sign("b", "7")], 5_000, refuse)).toEqual(
    new Map([
      ["a", 0],
      ["b", 1_000],
    ]),
  );
});

test("who comes later goes on where another one has ended, and takes nothing from one that is there", () => {
  const path = setup();
  const first = new SeenSigns(path);
  first.note([sign("a", "1")], 1_000, refuse);
  expect(new SeenSigns(path).note([sign("a", "1")], 9_000, refuse).get("a")).toBe(8_000);
  expect(first.note([sign("a", "1")], 10_000, refuse).get("a")).toBe(9_000);
});

test("what was seen before the machine was booted, or cannot be read, counts for nothing", () => {
  const path = setup();
  new SeenSigns(path).note([sign("a", "1")], 50_000, refuse);
  const other = readFileSync(path, "utf8").replace(/"bootId":"[^"]*"/, '"bootId":"another"');
  for (const text of [other, "", "{", '{"bootId"']) {
    writeFileSync(path, text);
    expect(new SeenSigns(path).note([sign("a", "1")], 60_000, refuse).get("a")).toBe(0);
  }
});

test("where nothing can be written down, one's own eyes are enough", () => {
  const path = join(setup(), "no", "folder");
  const signs = new SeenSigns(path);
  const onUnwritten = vi.fn<(error: unknown) => void>();
  signs.note([sign("a", "1")], 1_000, onUnwritten);
  expect(signs.note([sign("a", "1")], 2_000, onUnwritten).get("a")).toBe(1_000);
  expect(onUnwritten).toHaveBeenCalledTimes(2);
  expect(existsSync(path)).toBe(false);
});
