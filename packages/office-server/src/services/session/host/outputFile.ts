import { closeSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import type { OutputLimits } from "./records.ts";

const COPY_BYTES = 64 * 1024;
/** Longer than any marker; the room that it takes between head and tail. */
export const MARKER_BYTES_MAX = 64;

/**
 * A program's output on disk, whole up to `headBytes + 2 * tailBytes`. When that is full, the middle is left out:
 * the head stays, a marker line says how many bytes are missing, the newest `tailBytes` move up behind it, and there
 * is room again. Memory and disk stay bounded however much is written.
 *
 * A reader that follows the file reads on from where it was; when the file is shorter than that, from its new end.
 *
 * Never throws once it is open: what cannot be written (a full disk) is counted and noted as soon as it can be.
 */
export class OutputFile {
  readonly #fd: number;
  readonly #limits: OutputLimits;
  /** Length of the file. */
  #size = 0;
  /** Where the tail begins, once a middle has been left out. */
  #tailStart: number;
  #leftOutBytes = 0;
  #lost = { bytes: 0, reason: "" };

  constructor(path: string, limits: OutputLimits) {
    this.#fd = openSync(path, "w+", 0o600);
    this.#limits = limits;
    this.#tailStart = limits.headBytes;
  }

  /** Adds to the end. */
  write(bytes: Uint8Array): void {
    try {
      this.#noteLoss();
      this.#append(bytes);
    } catch (error) {
      this.#lost = { bytes: this.#lost.bytes + bytes.length, reason: (error as NodeJS.ErrnoException).code ?? "" };
    }
  }

  close(): void {
    this.write(new Uint8Array(0));
    closeSync(this.#fd);
  }

  #append(bytes: Uint8Array): void {
    const sizeMax = this.#limits.headBytes + MARKER_BYTES_MAX + 2 * this.#limits.tailBytes;
    for (let rest = bytes; rest.length > 0; ) {
      if (this.#size >= sizeMax) this.#leaveOutMiddle();
      rest = rest.subarray(this.#writeAt(rest.subarray(0, sizeMax - this.#size), this.#size));
    }
  }

  #writeAt(bytes: Uint8Array, position: number): number {
    const written = writeSync(this.#fd, bytes, 0, bytes.length, position);
    this.#size = Math.max(this.#size, position + written);
    return written;
  }

  #leaveOutMiddle(): void {
    const { headBytes, tailBytes } = this.#limits;
    const from = this.#size - tailBytes;
    const leftOutBytes = this.#leftOutBytes + from - this.#tailStart;
    const marker = Buffer.from(`\n[... ${leftOutBytes} bytes left out ...]\n`);
    const tailStart = headBytes + marker.length;
    const buffer = Buffer.allocUnsafe(Math.min(COPY_BYTES, tailBytes));
    for (let copied = 0; copied < tailBytes; ) {
      const length = readSync(this.#fd, buffer, 0, Math.min(buffer.length, tailBytes - copied), from + copied);
      copied += this.#writeAt(buffer.subarray(0, length), tailStart + copied);
    }
    this.#writeAt(marker, headBytes);
    ftruncateSync(this.#fd, tailStart + tailBytes);
    this.#size = tailStart + tailBytes;
    this.#tailStart = tailStart;
    this.#leftOutBytes = leftOutBytes;
  }

  #noteLoss(): void {
    const { bytes, reason } = this.#lost;
    if (bytes === 0) return;
    this.#append(Buffer.from(`\n[... ${bytes} bytes could not be written: ${reason} ...]\n`));
    this.#lost = { bytes: 0, reason: "" };
  }
}
