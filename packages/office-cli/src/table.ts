import { bold, cell, clip, type Line, lineWidth, padded, type Span } from "./line.ts";

/** A column of a table. Where the table is wider than the terminal, it is what gives way that is said here. */
export interface Column<Row> {
  title: string;
  cell: (row: Row) => string | Span;
  alignRight?: boolean;
  /** Left out before others are cut. */
  optional?: boolean;
  /** Cut down to so many columns, its title's at least. Absent: never cut. */
  widthMin?: number;
}

interface Fitted<Row> extends Column<Row> {
  width: number;
}

const GAP = "  ";

/** Rows below their titles, aligned, in lines of at most `width` columns where that can be. */
export function tableLines<Row>(rows: readonly Row[], columns: readonly Column<Row>[], width: number): Line[] {
  const fitted = fit(rows, columns, width);
  const titles = lineOf(fitted, ({ title }) => bold(title));
  return [titles, ...rows.map((row) => lineOf(fitted, (column) => column.cell(row)))];
}

function fit<Row>(rows: readonly Row[], columns: readonly Column<Row>[], width: number): Fitted<Row>[] {
  let fitted = columns.map((column) => ({ ...column, width: naturalWidth(column, rows) }));
  while (excess(fitted, width) > 0) {
    const dropped = fitted.findLast(({ optional }) => optional === true);
    if (dropped === undefined) break;
    fitted = fitted.filter((column) => column !== dropped);
  }
  while (excess(fitted, width) > 0) {
    const cuttable = fitted.filter((column) => column.width > leastWidth(column));
    const [widest] = cuttable.toSorted((one, other) => other.width - one.width);
    if (widest === undefined) break;
    // Down to the next widest, so that columns shrink together and none alone.
    const next = Math.max(0, ...cuttable.filter((column) => column !== widest).map((column) => column.width));
    const floor = Math.max(leastWidth(widest), Math.min(next, widest.width - 1));
    widest.width = Math.max(floor, widest.width - excess(fitted, width));
  }
  return fitted;
}

const leastWidth = <Row>({ title, width, widthMin }: Fitted<Row>): number =>
  widthMin === undefined ? width : Math.max(widthMin, title.length);

const excess = <Row>(columns: readonly Fitted<Row>[], width: number): number =>
  columns.reduce((sum, column) => sum + column.width + GAP.length, -GAP.length) - width;

const naturalWidth = <Row>({ title, cell: cellOf }: Column<Row>, rows: readonly Row[]): number =>
  rows.reduce((most, row) => Math.max(most, lineWidth([cellOf(row)])), title.length);

function lineOf<Row>(columns: readonly Fitted<Row>[], content: (column: Fitted<Row>) => string | Span): Line {
  const pieces = columns.map((column) => ({ column, piece: content(column) }));
  // No line ends in blanks.
  const last = pieces.findLastIndex(({ piece }) => textOf(piece) !== "");
  return pieces.slice(0, last + 1).flatMap(({ column, piece }, index) => {
    const placed = place(piece, column, index === last);
    return index === last ? [placed] : [placed, GAP];
  });
}

function place<Row>(piece: string | Span, { width, alignRight }: Fitted<Row>, isLast: boolean): string | Span {
  const text = textOf(piece);
  const aligned = alignRight === true ? padded("", width - lineWidth([text])) + text : text;
  const placed = isLast ? clip(aligned, width) : cell(aligned, width);
  return typeof piece === "string" ? placed : { ...piece, text: placed };
}

const textOf = (piece: string | Span): string => (typeof piece === "string" ? piece : piece.text);

/** Names beside their values, aligned. */
export function factLines(facts: readonly (readonly [string, Line])[]): Line[] {
  const width = Math.max(0, ...facts.map(([name]) => name.length));
  return facts.map(([name, value]) => [bold(padded(name, width)), GAP, ...value]);
}
