import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { MARKER_BYTES_MAX, OutputFile } from "../../../src/services/session/host/outputFile.ts";

const folder = mkdtempSync(join(tmpdir(), "office-output-"));
afterAll(() => rmSync(folder, { recursive: true }));

const path = join(folder, "output.log");

function written(pieces: Uint8Array[], headBytes: number, tailBytes: number): Buffer {
  const file = new OutputFile(path, { headBytes, tailBytes });
  for (const piece of pieces) {
    file.write(piece);
    expect(statSync(path).size).toBeLessThanOrEqual(headBytes + 2 * tailBytes + MARKER_BYTES_MAX);
  }
  file.close();
  return readFileSync(path);
}

/** What is around the left-out middle, and its size; an output without one is all head. */
function partsOf(content: Buffer): { head: Buffer; leftOutBytes: number; tail: Buffer } {
  const marker = /\n\[\.\.\. (\d+) bytes left out \.\.\.\]\n/.exec(content.toString("latin1"));
  if (marker === null) return { head: content, leftOutBytes: 0, tail: Buffer.of() };
  const tailStart = marker.index + marker[0].length;
  return {
    head: content.subarray(0, marker.index),
    leftOutBytes: Number(marker[1]),
    tail: content.subarray(tailStart),
  };
}

test("an output that fits is kept byte for byte", () => {
  const pieces = [Buffer.from("first\n"), Buffer.from([0, 255, 10, 13]), Buffer.from("no newline at the end")];
  expect(written(pieces, 1_000, 1_000)).toEqual(Buffer.concat(pieces));
});

test("an output that does not fit keeps its two ends, and says how much is missing", () => {
  const lines = Array.from({ length: 10_000 }, (_, index) => `line ${index}\n`);
  const content = written(
    lines.map((line) => Buffer.from(line)),
    1_000,
    1_000,
  ).toString();
  expect(content.startsWith("line 0\nline 1\n")).toBe(true);
  expect(content.endsWith("line 9998\nline 9999\n")).toBe(true);
  expect(content.match(/bytes left out/g)).toHaveLength(1);
});

test("head, marker and tail account for every byte, whatever the sizes", () => {
  const bytes = fc.uint8Array({ maxLength: 600 });
  const sizes = fc.integer({ min: 0, max: 300 });
  fc.assert(
    fc.property(fc.array(bytes, { maxLength: 12 }), sizes, sizes, (pieces, headBytes, tailBytes) => {
      const whole = Buffer.concat(pieces);
      const content = written(pieces, headBytes, tailBytes);
      const { head, leftOutBytes, tail } = partsOf(content);
      expect(head).toEqual(whole.subarray(0, head.length));
      expect(tail).toEqual(whole.subarray(whole.length - tail.length));
      expect(head.length + leftOutBytes + tail.length).toBe(whole.length);
      expect(leftOutBytes === 0 || (head.length === headBytes && tail.length >= tailBytes)).toBe(true);
    }),
    { numRuns: 300 },
  );
});

test.skipIf(process.platform !== "linux")("a full disk loses output and nothing else", () => {
  const file = new OutputFile("/dev/full", { headBytes: 100, tailBytes: 100 });
  file.write(Buffer.from("lost"));
  file.write(Buffer.from("lost as well"));
  expect(() => file.close()).not.toThrow();
});
