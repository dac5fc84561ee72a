import { expect, test } from "vitest";
import { setupFile, type World } from "../../../../test/support/scheduler.ts";
import { newId } from "../../src/platform/ids.ts";
import { appendOutput, readOutput, type StoredPiece } from "../../src/db/output.ts";

const world = setupFile();

const KIBIBYTE = 1024;
const MEBIBYTE = 1024 * KIBIBYTE;
const ALL = { from: 0, limit: 1_000 };

const text = (piece: StoredPiece): string => `${piece.startAt} ${piece.data.toString()}`;
const bytes = (length: number, fill = 1): Uint8Array => new Uint8Array(length).fill(fill);

/** Writes so many pieces of 64 KiB, each filled with its number. */
async function write({ database }: World, executionId: string, [first, end]: readonly [number, number]) {
  const numbers = Array.from({ length: end - first }, (_, n) => first + n);
  const chunks = numbers.map((n) => ({ executionId, startAt: n * 64 * KIBIBYTE, data: bytes(64 * KIBIBYTE, n % 256) }));
  await appendOutput(database, chunks);
}

test("what was written comes back in order, from any place on", async () => {
  const { database } = world();
  const [one, other] = [newId(), newId()];
  await appendOutput(database, [
    { executionId: one, startAt: 0, data: Buffer.from("abc") },
    { executionId: other, startAt: 0, data: Buffer.from("other") },
    { executionId: one, startAt: 3, data: Buffer.from("de") },
  ]);
  await appendOutput(database, [{ executionId: one, startAt: 5, data: Buffer.from("f") }]);
  expect((await readOutput(database, one, ALL)).map(text)).toEqual(["0 abc", "3 de", "5 f"]);
  expect((await readOutput(database, one, { from: 3, limit: 1 })).map(text)).toEqual(["3 de"]);
  expect((await readOutput(database, other, ALL)).map(text)).toEqual(["0 other"]);
});

test("the same once more changes nothing, and nothing is no trouble", async () => {
  const { database } = world();
  const executionId = newId();
  const chunks = [{ executionId, startAt: 0, data: Buffer.from("abc") }];
  await appendOutput(database, chunks);
  await appendOutput(database, chunks);
  await appendOutput(database, []);
  await appendOutput(database, [{ executionId, startAt: 3, data: bytes(0) }]);
  expect((await readOutput(database, executionId, ALL)).map(text)).toEqual(["0 abc"]);
});

test("large pieces are stored in small ones", async () => {
  const { database } = world();
  const executionId = newId();
  await appendOutput(database, [{ executionId, startAt: 10, data: bytes(150 * KIBIBYTE) }]);
  const pieces = await readOutput(database, executionId, ALL);
  expect(pieces.map(({ startAt, data }) => [startAt, data.length])).toEqual([
    [10, 65_536],
    [65_546, 65_536],
    [131_082, 22_528],
  ]);
});

test("the beginning and the newest part of a long output are kept", async () => {
  const { database } = world();
  const executionId = newId();
  for (let n = 0; n < 80; n += 1) await write(world(), executionId, [n, n + 1]);
  const numbers = (await readOutput(database, executionId, ALL)).map(({ data }) => data[0]);
  expect(numbers).toEqual([...Array(16).keys(), ...Array.from({ length: 16 }, (_, n) => 64 + n)]);
});

test("so they are when it comes all at once, or once more", async () => {
  const { database } = world();
  const executionId = newId();
  await write(world(), executionId, [0, 80]);
  await write(world(), executionId, [10, 60]);
  const pieces = await readOutput(database, executionId, ALL);
  expect(pieces).toHaveLength(32);
  expect(pieces[16]?.startAt).toBe(4 * MEBIBYTE);
});
