import { type Line, paint } from "./line.ts";

/** A stream that may be a terminal. */
export interface OutputStream extends NodeJS.WritableStream {
  isTTY?: boolean;
  columns?: number;
}

/** Where a command writes: results on stdout, everything that is only said on stderr. */
export interface Output {
  stdout: OutputStream;
  stderr: OutputStream;
}

export const isTerminal = ({ isTTY = false }: OutputStream): boolean => isTTY;

/** Columns of a terminal; without end for anything else. */
export const widthOf = (stream: OutputStream): number => (isTerminal(stream) ? stream.columns || 80 : Infinity);

/** Writes lines, cut to the terminal's width; elsewhere whole. */
export const writeLines = (stream: OutputStream, lines: readonly Line[]): void => {
  const width = widthOf(stream);
  stream.write(lines.map((line) => `${paint(line, stream, width)}\n`).join(""));
};

/** Writes lines whole, also where the terminal has to break them: what is to be copied must not be cut. */
export const writeWhole = (stream: OutputStream, lines: readonly Line[]): void => {
  stream.write(lines.map((line) => `${paint(line, stream)}\n`).join(""));
};

/** Writes values as JSON, one a line. */
export const writeJson = (stream: OutputStream, ...values: readonly unknown[]): void => {
  stream.write(values.map((value) => `${JSON.stringify(value)}\n`).join(""));
};

/** Says something that is no result. */
export const remark = ({ stderr }: Output, text: string): void => writeWhole(stderr, [[text]]);
