import { Writable } from "node:stream";
import { stripVTControlCharacters } from "node:util";
import stringWidth from "string-width";

/** A terminal that understands what a live region writes, and remembers how wide a line ever was. */
export class Screen extends Writable {
  readonly isTTY = true;
  columns: number;
  rows: number;
  /** All lines, with those that have scrolled out at the top. */
  #lines = [""];
  #row = 0;
  cursorIsVisible = true;
  widestEver = 0;
  /** What was written, one write each. */
  readonly chunks: string[] = [];

  constructor(columns: number, rows: number) {
    super({ decodeStrings: false });
    this.columns = columns;
    this.rows = rows;
  }

  /** As of a terminal without colours. */
  getColorDepth(): number {
    return 1;
  }

  override _write(chunk: string, _encoding: string, done: () => void): void {
    this.chunks.push(chunk);
    // oxlint-disable-next-line no-control-regex -- escape sequences are what it is about
    for (const part of chunk.split(/(\u001b\[[?0-9;]*[A-Za-z]|\n|\r)/)) this.#take(part);
    done();
  }

  /** Everything on the terminal and above it, without the empty lines at the end. */
  get text(): string {
    return this.#lines
      .map((line) => line.trimEnd())
      .join("\n")
      .trimEnd();
  }

  resize(columns: number, rows: number): void {
    Object.assign(this, { columns, rows });
    this.emit("resize");
  }

  #take(part: string): void {
    if (part === "\n") this.#lines[++this.#row] ??= "";
    else if (part === "\r" || part === "\u001b[G" || part === "") return;
    else if (part.startsWith("\u001b[")) this.#obey(part.slice(2));
    else this.#print(part);
  }

  #obey(sequence: string): void {
    const number = Number.parseInt(sequence, 10) || 1;
    if (sequence.endsWith("A")) this.#row = Math.max(this.#row - number, 0);
    else if (sequence.endsWith("B")) this.#row += number;
    else if (sequence === "2K") this.#lines[this.#row] = "";
    else if (sequence === "?25l") this.cursorIsVisible = false;
    else if (sequence === "?25h") this.cursorIsVisible = true;
    else if (!["K", "?2026h", "?2026l"].includes(sequence)) throw new Error(`unknown sequence ${sequence}`);
  }

  #print(text: string): void {
    if (text !== stripVTControlCharacters(text)) throw new Error(`unknown sequence in ${JSON.stringify(text)}`);
    this.#lines[this.#row] = (this.#lines[this.#row] ?? "") + text;
    this.widestEver = Math.max(this.widestEver, stringWidth(this.#lines[this.#row] ?? ""));
  }
}
