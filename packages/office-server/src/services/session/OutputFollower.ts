import { type FileHandle, open } from "node:fs/promises";
import { MARKER_BYTES_MAX } from "./host/outputFile.ts";
import { type OutputLimits, outputPath, readRecord } from "./host/records.ts";

const MEBIBYTE = 1024 * 1024;
/** Of a long output its beginning and its newest part are read, so much of each. What is between may be skipped. */
export const HEAD_BYTES = MEBIBYTE;
export const TAIL_BYTES = MEBIBYTE;

const MARKER = /^\n\[\.\.\. (\d+) bytes left out \.\.\.\]\n/;
/** A file whose middle is being left out may change while it is read. */
const TRIES_MAX = 3;

/** A part of what a program wrote. */
export interface OutputPiece {
  /** Bytes that it had written before. */
  startAt: number;
  data: Buffer;
}

/** What a file holds: all that was written, or its two ends. */
interface Layout {
  size: number;
  leftOutBytes: number;
  markerBytes: number;
}

/**
 * Reads a session's output from its file while it grows: see `OutputFile`. Places are counted in what the program wrote,
 * whatever the file has left out. The newest part is read without a gap.
 */
export class OutputFollower {
  readonly #directory: string;
  #limits: OutputLimits | null = null;
  #nextAt: number;

  /** `startAt`: what comes before is not wanted. */
  constructor(directory: string, startAt = 0) {
    this.#directory = directory;
    this.#nextAt = startAt;
  }

  /**
   * What follows the piece before, at most `bytesMax`; null when there is nothing new, or no file.
   *
   * @throws when the file cannot be read
   */
  async read(bytesMax: number): Promise<OutputPiece | null> {
    const file = await openOrNull(outputPath(this.#directory));
    if (file === null) return null;
    try {
      this.#limits ??= readRecord(this.#directory, "spec")?.output ?? null;
      if (this.#limits === null) return null;
      for (let tried = 1; tried <= TRIES_MAX; tried++) {
        const piece = await this.#tryToRead(file, this.#limits, bytesMax);
        if (piece === "changed") continue;
        if (piece !== null) this.#nextAt = piece.startAt + piece.data.length;
        return piece;
      }
      return null;
    } finally {
      await file.close();
    }
  }

  async #tryToRead(file: FileHandle, limits: OutputLimits, bytesMax: number): Promise<OutputPiece | "changed" | null> {
    const layout = await layoutOf(file, limits);
    const headBytes = Math.min(HEAD_BYTES, limits.headBytes);
    // Not more than the file surely keeps: what is older may be moved while it is read.
    const tailBytes = Math.min(TAIL_BYTES, limits.tailBytes);
    const end = layout.size - layout.markerBytes + layout.leftOutBytes;
    const startAt = this.#nextAt < headBytes ? this.#nextAt : Math.max(this.#nextAt, headBytes, end - tailBytes);
    const length = Math.min(bytesMax, (startAt < headBytes ? Math.min(headBytes, end) : end) - startAt);
    if (length <= 0) return null;
    const position = startAt < limits.headBytes ? startAt : startAt - layout.leftOutBytes + layout.markerBytes;
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(length), 0, length, position);
    const after = await layoutOf(file, limits);
    if (after.leftOutBytes !== layout.leftOutBytes || after.size < layout.size) return "changed";
    return bytesRead === 0 ? null : { startAt, data: buffer.subarray(0, bytesRead) };
  }
}

async function layoutOf(file: FileHandle, { headBytes, tailBytes }: OutputLimits): Promise<Layout> {
  const { size } = await file.stat();
  const whole = { size, leftOutBytes: 0, markerBytes: 0 };
  if (size < headBytes + tailBytes) return whole;
  const { buffer, bytesRead } = await file.read(Buffer.alloc(MARKER_BYTES_MAX), 0, MARKER_BYTES_MAX, headBytes);
  const marker = MARKER.exec(buffer.toString("latin1", 0, bytesRead));
  if (marker === null) return whole;
  return { size, leftOutBytes: Number(marker[1]), markerBytes: marker[0].length };
}

async function openOrNull(path: string): Promise<FileHandle | null> {
  try {
    return await open(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
