/** Longer lines are dropped whole: a part of a record is of no use. */
export const LINE_BYTES_MAX = 8 * 1024 * 1024;

const NEWLINE = 0x0a;

/** Cuts a stream of bytes into lines, whatever the pieces in which it comes. */
export class LineSplitter {
  readonly #onLine: (line: string) => void;
  #pieces: Uint8Array[] = [];
  #length = 0;

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(bytes: Uint8Array): void {
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
      this.#keep(bytes.subarray(start, end));
      this.#emit();
      start = end + 1;
    }
    this.#keep(bytes.subarray(start));
  }

  /** What follows the last newline is a line too. */
  end(): void {
    if (this.#length > 0) this.#emit();
  }

  #keep(piece: Uint8Array): void {
    this.#length += piece.length;
    if (this.#length > LINE_BYTES_MAX) this.#pieces = [];
    else this.#pieces.push(piece);
  }

  #emit(): void {
    if (this.#length <= LINE_BYTES_MAX) this.#onLine(Buffer.concat(this.#pieces).toString("utf8"));
    this.#pieces = [];
    this.#length = 0;
  }
}
