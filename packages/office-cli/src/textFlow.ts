export interface FlowOptions {
  separator: string;
  /** Columns that every line but the first begins with; the first has as many taken before it. */
  indent: number;
  /** Columns of a line; Infinity for one line. */
  width: number;
  /** Lines until the rest is only counted. One line without end has no limit. */
  linesMax: number;
}

/** Words one after the other, wrapped between words, and cut with the number of those left out. */
export const flow = (words: readonly string[], { separator, indent, width, linesMax }: FlowOptions): string => {
  const room = width - indent;
  const lines: string[] = [];
  let line = "";
  for (const [index, word] of words.entries()) {
    const piece = index === words.length - 1 ? word : word + separator;
    if (line !== "" && line.length + piece.trimEnd().length > room) {
      lines.push(line.trimEnd());
      if (lines.length === linesMax)
        return [...lines, `… and ${words.length - index} more`].join(`\n${" ".repeat(indent)}`);
      line = "";
    }
    line += piece;
  }
  return [...lines, line].join(`\n${" ".repeat(indent)}`);
};
