import { PassThrough } from "node:stream";
import fc from "fast-check";
import stringWidth from "string-width";
import { expect, test } from "vitest";
import { parseDuration } from "office-contract/duration.ts";
import { ago, duration, stopwatch, wait, written } from "../src/durations.ts";
import { cell, paint, printable } from "../src/line.ts";

const unsafe = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u;
const anyText = fc.string({ unit: "binary" });

test("a text is made printable", () => {
  expect(printable("\u001b[2J\u001b[31mred\u001b[0m\u0007 \u009b1mbold\r\nnext\tline\u0000")).toBe(
    "red bold next  line",
  );
  expect(printable("abc\u202etxt.exe")).toBe("abctxt.exe");
  expect(printable("漢字 👩‍👩‍👧 é")).toBe("漢字 👩‍👩‍👧 é");
});

test("no text gets through that could steer a terminal", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      expect(printable(text)).not.toMatch(unsafe);
    }),
  );
});

test("a cell has exactly its columns, whatever is in it", () => {
  expect(cell("schema", 8)).toBe("schema  ");
  expect(cell("release-notes", 8)).toBe("release…");
  expect(cell("漢字漢字漢字", 8)).toBe("漢字漢… ");
  fc.assert(
    fc.property(anyText, fc.nat(40), (text, columns) => {
      expect(stringWidth(cell(text, columns))).toBe(columns);
    }),
  );
});

test("a painted line is no wider than it may be, and says when something is missing", () => {
  const stream = new PassThrough();
  expect(paint(["schema ", { text: "is done", style: "green" }], stream, 14)).toBe("schema is done");
  expect(paint(["schema ", { text: "is done", style: "green" }], stream, 13)).toBe("schema is do…");
  expect(paint(["schema ", { text: "is done", style: "green" }], stream, 7)).toBe("schema…");
  fc.assert(
    fc.property(fc.array(anyText), fc.integer({ min: 1, max: 60 }), (texts, columns) => {
      expect(stringWidth(paint(texts, stream, columns))).toBeLessThanOrEqual(columns);
    }),
  );
});

test.each([
  [0, "0.0 s"],
  [5_240, "5.2 s"],
  [59_900, "59.9 s"],
  [60_000, "1 min"],
  [184_400, "3 min 4 s"],
  [7_500_000, "2 h 5 min"],
])("%d ms took %s", (ms, text) => expect(duration(ms)).toBe(text));

test.each([
  [-5, "0 s"],
  [1, "1 s"],
  [60_000, "60 s"],
  [120_000, "2 min"],
  [150_000, "2 min 30 s"],
  [3_600_000, "1 h"],
])("%d ms are %s to wait", (ms, text) => expect(wait(ms)).toBe(text));

test.each([
  [-1, "0:00"],
  [42_999, "0:42"],
  [723_000, "12:03"],
  [3_723_000, "1:02:03"],
])("%d ms on a stopwatch are %s", (ms, text) => expect(stopwatch(ms)).toBe(text));

test.each([
  [-5_000, "now"],
  [999, "now"],
  [42_000, "42s ago"],
  [3 * 60_000 + 59_000, "3m ago"],
  [5 * 3_600_000, "5h ago"],
  [49 * 3_600_000, "2d ago"],
])("%i ms are %s", (ms, words) => {
  expect(ago(ms)).toBe(words);
});

test("a written duration is read as what it was", () => {
  expect([0, 250, 5_400_000, 90_061_001].map(written)).toEqual(["0s", "250ms", "1h30m", "1d1h1m1s1ms"]);
  fc.assert(
    fc.property(fc.nat({ max: 366 * 86_400_000 }), (ms) => {
      expect(parseDuration(written(ms))).toBe(ms);
    }),
  );
});
