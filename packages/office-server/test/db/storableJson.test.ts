import fc from "fast-check";
import { storableJson } from "office-server/db/storableJson.ts";
import { expect, test } from "vitest";

test.each([
  ["NUL", "a\0b", "a\ufffdb"],
  ["the first half of a pair", "a\ud83d", "a\ufffd"],
  ["the second half of a pair", "\ude00a", "\ufffda"],
  ["halves the wrong way round", "\ude00\ud83d", "\ufffd\ufffd"],
])("%s becomes the replacement character", (_name, text, stored) => {
  expect(JSON.parse(storableJson({ [text]: [text] }))).toEqual({ [stored]: [stored] });
});

test.each(["😀", "\\u0000", String.raw`printf "\u0000\ud83d"`, "\\\\u0000", "\\", "\ufffd", "line\nline\u0001"])(
  "%j stays what it is",
  (text) => {
    expect(JSON.parse(storableJson({ [text]: [text] }))).toEqual({ [text]: [text] });
  },
);

test("any text comes back well-formed and without NUL, and as it was if it was that", () => {
  const unit = fc.constantFrom("\\", "u0000", "ud83d", "\0", "\ud83d", "\ude00", '"', "a");
  fc.assert(
    fc.property(fc.array(unit, { maxLength: 8 }), (units) => {
      const text = units.join("");
      const stored: unknown = JSON.parse(storableJson(text));
      expect(stored).toBe(text.toWellFormed().replaceAll("\0", "\ufffd"));
    }),
    { numRuns: 1_000 },
  );
});
