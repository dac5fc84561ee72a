import { type FileHandle, open } from "node:fs/promises";
import { stripVTControlCharacters } from "node:util";

const TAIL_BYTES_MAX = 64 * 1024;
const LINE_LENGTH_MAX = 2_000;
// oxlint-disable-next-line no-control-regex -- control characters, other than tab, are what it is about
const CONTROL_CHARACTERS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/** The last `count` lines of a file, fit for a terminal. Reads no more than 64 KiB; no file, no lines. */
export async function tailLines(path: string, count: number): Promise<string[]> {
  let file: FileHandle;
  try {
    file = await open(path);
  } catch {
    return [];
  }
  try {
    const { size } = await file.stat();
    const start = Math.max(0, size - TAIL_BYTES_MAX);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - start), 0, size - start, start);
    const lines = buffer.toString("utf8", 0, bytesRead).split("\n");
    // The first one was cut by where we began to read; the last one is empty when the file ends with a newline.
    if (start > 0 && lines.length > 1) lines.shift();
    if (lines.at(-1) === "") lines.pop();
    return lines.slice(Math.max(0, lines.length - count)).map(printableLine);
  } finally {
    await file.close();
  }
}

/** A line as a terminal would show it in the end, with nothing in it that could steer the terminal. */
export function printableLine(line: string): string {
  const overwritten = line.replace(/\r+$/, "");
  const shown = overwritten.slice(overwritten.lastIndexOf("\r") + 1);
  return stripVTControlCharacters(shown).replaceAll(CONTROL_CHARACTERS, "").slice(0, LINE_LENGTH_MAX);
}
