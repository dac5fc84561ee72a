import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished, describe, expect, test } from "vitest";
import { OutputFile } from "../../../src/services/session/host/outputFile.ts";
import { outputPath, type StartSpec, writeRecord } from "../../../src/services/session/host/records.ts";
import { OutputFollower } from "../../../src/services/session/OutputFollower.ts";

const MEBIBYTE = 1024 * 1024;

/** A session's folder with an output file, and somebody who follows it. */
function setup({ headBytes = 8 * MEBIBYTE, tailBytes = 8 * MEBIBYTE, startAt = 0 } = {}) {
  const directory = mkdtempSync(join(tmpdir(), "office-output-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const output = { headBytes, tailBytes };
  writeRecord(directory, "spec", { output } as StartSpec);
  const follower = new OutputFollower(directory, startAt);
  let written = 0;
  return {
    directory,
    follower,
    open: () => new OutputFile(outputPath(directory), output),
    /** Bytes of which each says where it is: a number of 8 digits every 8 bytes. */
    next(length: number): Buffer {
      const numbers = Array.from({ length: length / 8 }, (_, index) => String(written / 8 + index).padStart(8, "0"));
      written += length;
      return Buffer.from(numbers.join(""));
    },
    /** All that can be read now; where each piece begins and ends, when its bytes are those that were written there. */
    async ranges(bytesMax = MEBIBYTE): Promise<[number, number][]> {
      const ranges: [number, number][] = [];
      for (let piece = await follower.read(bytesMax); piece !== null; piece = await follower.read(bytesMax)) {
        const { startAt: from, data } = piece;
        const expected = Array.from({ length: data.length }, (_, index) => digitAt(from + index));
        expect(data.equals(Buffer.from(expected.join(""))), `what was written from ${from} on`).toBe(true);
        const last = ranges.at(-1);
        if (last !== undefined && last[1] === from) last[1] = from + data.length;
        else ranges.push([from, from + data.length]);
      }
      return ranges;
    },
  };
}

const digitAt = (position: number): string => String(Math.floor(position / 8)).padStart(8, "0")[position % 8] ?? "";

describe("a short output", () => {
  test("is read as it grows, each byte once", async () => {
    const { open, next, ranges } = setup();
    const file = open();
    file.write(next(80));
    await expect(ranges(64)).resolves.toEqual([[0, 80]]);
    await expect(ranges()).resolves.toEqual([]);
    file.write(next(16));
    await expect(ranges()).resolves.toEqual([[80, 96]]);
    file.close();
  });

  test("is read from where somebody else has stopped", async () => {
    const { open, next, ranges } = setup({ startAt: 40 });
    open().write(next(80));
    await expect(ranges()).resolves.toEqual([[40, 80]]);
  });

  test("that is not there is none", async () => {
    const { directory, follower, ranges } = setup();
    await expect(ranges()).resolves.toEqual([]);
    rmSync(directory, { recursive: true });
    await expect(follower.read(10)).resolves.toBeNull();
  });
});

describe("of a long output", () => {
  test("the beginning and the newest part are read, also where the file has left out its middle", async () => {
    const { open, next, ranges } = setup();
    const file = open();
    for (let written = 0; written < 40; written++) file.write(next(MEBIBYTE));
    file.write(next(4096));
    const end = 40 * MEBIBYTE + 4096;
    await expect(ranges()).resolves.toEqual([
      [0, MEBIBYTE],
      [end - MEBIBYTE, end],
    ]);
    file.write(next(8));
    await expect(ranges()).resolves.toEqual([[end, end + 8]]);
  });

  test("whoever keeps up with it gets everything, across places where the file shrinks", async () => {
    const { open, next, ranges } = setup({ headBytes: 1024, tailBytes: 1024 });
    const file = open();
    const read: [number, number][] = [];
    for (let step = 0; step < 100; step++) {
      file.write(next(512));
      read.push(...(await ranges(200)));
    }
    expect(read[0]?.[0]).toBe(0);
    expect(read.at(-1)?.[1]).toBe(100 * 512);
    for (const [index, [from]] of read.entries()) if (index > 0) expect(from).toBe(read[index - 1]?.[1]);
  });

  test("whoever falls behind skips, and has the newest part without a gap", async () => {
    const { open, next, ranges, follower } = setup({ headBytes: 1024, tailBytes: 1024 });
    const file = open();
    for (let step = 0; step < 50; step++) {
      file.write(next(800));
      await follower.read(80);
    }
    const end = 50 * 800;
    const rest = await ranges(64);
    expect(rest.at(-1)).toEqual([expect.any(Number), end]);
    // It begins behind the 80 bytes that were read last.
    expect(rest.at(-1)?.[0]).toBeLessThanOrEqual(end - 1024 + 80);
  });
});
