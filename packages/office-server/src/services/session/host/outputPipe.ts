import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync, readSync, unlinkSync } from "node:fs";
import { Socket } from "node:net";

const MAKE_NAMED_PIPE = "mkfifo";
const READ_BYTES = 64 * 1024;
// The largest pipe that Linux gives to a user: no more than this can be waiting in it.
const PIPE_BYTES_MAX = 1024 * 1024;

/** Takes what a program writes. */
export interface ProgramOutput {
  /** The end for the program. */
  readonly writeFd: number | "ignore";
  /** Says where the output goes. The program waits while `write` works. */
  readInto(write: (bytes: Uint8Array) => void): void;
  /** To be called once the program has been given its end. */
  closeWriteEnd(): void;
  /**
   * Reads what still waits, and no more. Does not wait for the end: a process that is none of the session's any more may
   * hold it open for ever.
   */
  drain(): void;
}

/**
 * One pipe for both stdout and stderr, so that their order is kept. Node offers socket pairs only, and programs cannot
 * open those again by name (`echo ... >/dev/stderr` fails); so this is a named pipe whose name is gone at once.
 */
export class OutputPipe implements ProgramOutput {
  readonly writeFd: number;
  readonly #readFd: number;
  readonly #reader: Socket;
  #write: (bytes: Uint8Array) => void = () => {};

  constructor(path: string) {
    execFileSync(MAKE_NAMED_PIPE, ["-m", "600", path]);
    try {
      // Only an open that does not wait for the other side can be the first.
      this.#readFd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
      this.writeFd = openSync(path, constants.O_WRONLY);
    } finally {
      unlinkSync(path);
    }
    this.#reader = this.#startReading();
  }

  readInto(write: (bytes: Uint8Array) => void): void {
    this.#write = write;
  }

  closeWriteEnd(): void {
    closeSync(this.writeFd);
  }

  drain(): void {
    if (this.#reader.destroyed) return;
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    for (let drained = 0; drained < PIPE_BYTES_MAX; ) {
      const length = readWaiting(this.#readFd, buffer);
      if (length === 0) break;
      this.#write(buffer.subarray(0, length));
      drained += length;
    }
    this.#reader.destroy();
  }

  #startReading(): Socket {
    const callback = (length: number, buffer: Uint8Array): boolean => {
      this.#write(buffer.subarray(0, length));
      return true;
    };
    const onread = { buffer: Buffer.allocUnsafe(READ_BYTES), callback };
    const reader = new Socket({ fd: this.#readFd, readable: true, writable: false, onread });
    return reader.on("error", () => reader.destroy());
  }
}

function readWaiting(fd: number, buffer: Uint8Array): number {
  try {
    return readSync(fd, buffer);
  } catch {
    return 0; // EAGAIN: empty
  }
}
