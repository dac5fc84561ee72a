import fc from "fast-check";
import { expect, test } from "vitest";
import { TerminalText } from "../src/terminalText.ts";

const ESC = "\u001B";

const shown = (...pieces: string[]): string => {
  const text = new TerminalText();
  return pieces.map((piece) => text.next(Buffer.from(piece))).join("");
};

test.each<[string, string, string]>([
  ["colours stay", `${ESC}[31mred${ESC}[0m`, `${ESC}[31mred${ESC}[0m`],
  ["a title goes", `a${ESC}]0;title\u0007b`, "ab"],
  ["a clipboard goes", `a${ESC}]52;c;aGk=${ESC}\\b`, "ab"],
  ["the cursor stays where it is", `a${ESC}[2J${ESC}[10;10Hb`, "ab"],
  ["a bell goes", "a\u0007b", "ab"],
  ["lines and tabs stay", "a\tb\r\nc\n", "a\tb\r\nc\n"],
  ["text cannot be turned around", "a\u202Eb", "ab"],
])("%s", (_, text, expected) => {
  expect(shown(text)).toBe(expected);
});

test("what comes in pieces is taken for what it is as a whole", () => {
  const text = `ä ${ESC}[1;31mbold${ESC}[0m ${ESC}]0;title\u0007 日本 ${ESC}[2J end\n`;
  fc.assert(
    fc.property(fc.array(fc.nat({ max: Buffer.byteLength(text) }), { maxLength: 6 }), (cuts) => {
      const bytes = Buffer.from(text);
      const places = [0, ...cuts.toSorted((one, other) => one - other), bytes.length];
      const safe = new TerminalText();
      const pieces = places.slice(1).map((end, index) => safe.next(bytes.subarray(places[index], end)));
      expect(pieces.join("")).toBe(`ä ${ESC}[1;31mbold${ESC}[0m  日本  end\n`);
    }),
  );
});
