import { stripVTControlCharacters, styleText } from "node:util";
import stringWidth from "string-width";

type Style = Parameters<typeof styleText>[0];

/** A line to be printed: its texts, and how they look. Whatever is in them, `paint` makes it safe and fitting. */
export type Line = readonly (string | Span)[];

export interface Span {
  readonly text: string;
  readonly style: Style;
}

export const styled = (style: Style, text: string): Span => ({ text, style });
export const bold = (text: string): Span => styled("bold", text);
export const dim = (text: string): Span => styled("dim", text);

// Joiners stay: they hold scripts and emoji together. All else of the kind could steer the terminal or reorder text.
const CONTROL_CHARACTERS = /[[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]--[\u200c\u200d]]/gv;

/** A text as one line, with nothing in it that could steer a terminal. */
export const printable = (text: string): string =>
  stripVTControlCharacters(text.toWellFormed())
    .replaceAll(/[\r\n]+/g, " ")
    .replaceAll("\t", "  ")
    .replaceAll(CONTROL_CHARACTERS, "");

/** A line as it is written to a stream: with colours if that takes them, and cut to `columns`. */
export const paint = (line: Line, stream: NodeJS.WritableStream, columns = Infinity): string => {
  const spans = line.map((span) => {
    const { text, style } = typeof span === "string" ? { text: span, style: null } : span;
    return { text: printable(text), style };
  });
  const isCut = spans.reduce((sum, { text }) => sum + stringWidth(text), 0) > columns;
  let room = isCut ? columns - 1 : columns;
  const painted = spans.map(({ text, style }) => {
    const shown = cut(text, room);
    room -= stringWidth(shown);
    return style === null || shown === "" ? shown : styleText(style, shown, { stream });
  });
  return painted.join("") + (isCut ? "…" : "");
};

const graphemes = new Intl.Segmenter();

const cut = (text: string, columns: number): string => {
  if (stringWidth(text) <= columns) return text;
  let end = 0;
  let room = columns;
  for (const { segment, index } of graphemes.segment(text)) {
    room -= stringWidth(segment);
    if (room < 0) break;
    end = index + segment.length;
  }
  return text.slice(0, end);
};

/** A text in at most `columns` columns. */
export const clip = (text: string, columns: number): string => {
  const shown = printable(text);
  if (stringWidth(shown) <= columns) return shown;
  return columns < 1 ? "" : `${cut(shown, columns - 1)}…`;
};

/** A text in exactly `columns` columns. */
export const cell = (text: string, columns: number): string => {
  const shown = clip(text, columns);
  return shown + " ".repeat(columns - stringWidth(shown));
};

/** A text in at least `columns` columns, whole. */
export const padded = (text: string, columns: number): string => {
  const shown = printable(text);
  return shown + " ".repeat(Math.max(columns - stringWidth(shown), 0));
};

/** Columns of the widest of some texts, but no more than `max`. */
export const widest = (texts: readonly string[], max: number): number =>
  texts.reduce((most, text) => Math.max(most, Math.min(stringWidth(printable(text)), max)), 0);

/** Columns that a line takes. */
export const lineWidth = (line: Line): number =>
  line.reduce((sum, span) => sum + stringWidth(printable(typeof span === "string" ? span : span.text)), 0);

/** A number of things: `1 job`, `2 jobs`. */
export const count = (number: number, one: string): string => `${number} ${number === 1 ? one : `${one}s`}`;
