import { createLogUpdate } from "log-update";
import { type Line, lineWidth, paint } from "./line.ts";

/** A stream that may be a terminal. */
export interface TerminalStream extends NodeJS.WritableStream {
  columns?: number;
  rows?: number;
}

/** Whether a stream says how large it is. A terminal without a size (0 by 0) cannot be drawn on. */
export const hasSize = ({ columns = 0, rows = 0 }: TerminalStream): boolean => columns > 0 && rows > 0;

/** Resolves when all that was written to a stream before this is written, or cannot be any more. */
export const flushed = (stream: NodeJS.WritableStream): Promise<void> =>
  new Promise((resolve) => {
    stream.write("", () => resolve());
  });

const HIDE_CURSOR = "\u001B[?25l";
const SHOW_CURSOR = "\u001B[?25h";
const LINE_UP_AND_ERASE = "\u001B[1A\u001B[2K";

/** The last lines of a terminal, redrawn in place, below what is written for good. */
export class LiveRegion {
  readonly #stream: TerminalStream;
  // It would hide the cursor on stderr, wherever that goes.
  readonly #update: ReturnType<typeof createLogUpdate>;
  readonly #onResize: () => void;
  #drawn: readonly Line[] = [];

  constructor(stream: TerminalStream, onResize: () => void) {
    this.#stream = stream;
    this.#update = createLogUpdate(stream, { showCursor: true });
    this.#onResize = () => {
      this.#eraseReflowed();
      onResize();
    };
  }

  get columns(): number {
    return this.#stream.columns ?? 80;
  }

  get rows(): number {
    return this.#stream.rows ?? 24;
  }

  open(): void {
    this.#stream.write(HIDE_CURSOR);
    this.#stream.on("resize", this.#onResize);
    process.once("exit", this.#showCursor);
  }

  /** Replaces the region. */
  draw(lines: readonly Line[]): void {
    this.#drawn = lines;
    this.#update(lines.map((line) => paint(line, this.#stream, this.columns)).join("\n"));
  }

  /** Writes lines above the region, which vanishes until it is drawn again. Without `columns` they are not cut. */
  write(lines: readonly Line[], columns = Infinity): void {
    this.#update.clear();
    this.#drawn = [];
    for (const line of lines) this.#stream.write(`${paint(line, this.#stream, columns)}\n`);
  }

  close(): void {
    process.off("exit", this.#showCursor);
    this.#stream.off("resize", this.#onResize);
    this.#update.clear();
    this.#showCursor();
  }

  readonly #showCursor = (): void => {
    this.#stream.write(SHOW_CURSOR);
  };

  /** A terminal that became narrower has broken our lines: they take more rows now than were drawn. */
  #eraseReflowed(): void {
    const rows = this.#drawn.reduce((sum, line) => sum + Math.max(Math.ceil(lineWidth(line) / this.columns), 1), 0);
    // Line by line: where a screen is cleared as a whole, some terminals keep what was on it.
    if (rows > 0) this.#stream.write(`${LINE_UP_AND_ERASE.repeat(rows)}\r`);
    this.#drawn = [];
    this.#update.done();
  }
}
