import { headerLines } from "./header.ts";
import { dim, type Line } from "../line.ts";
import type { Moment, Size } from "./moment.ts";
import { type Section, sectionsOf } from "./sections.ts";

const ROOMY_ROWS_MIN = 16;

/** A run at a moment, in lines that a terminal of that size can hold with one more for the cursor. */
export const layOut = (moment: Moment, size: Size): Line[] => {
  const linesMax = Math.max(size.rows - 1, 1);
  const gap: Line[] = size.rows < ROOMY_ROWS_MIN ? [] : [[""]];
  const header = [...gap, ...headerLines(moment, size.columns), ...gap];
  const sections = sectionsOf(moment, size).filter(({ jobs }) => jobs.length > 0);
  return [...header, ...fitSections(sections, linesMax - header.length)].slice(0, linesMax);
};

/** Gives each section the lines that it wants, as long as one is left for each that follows. */
const fitSections = (sections: readonly Section[], linesMax: number): Line[] => {
  const lines: Line[] = [];
  for (const [index, section] of sections.entries()) {
    const following = sections.length - index - 1;
    lines.push(...fitSection(section, Math.min(section.linesMax, linesMax - lines.length - following)));
  }
  return lines;
};

const fitSection = ({ jobs, row, word }: Section, linesMax: number): Line[] => {
  if (jobs.length <= linesMax) return jobs.map(row);
  if (linesMax < 1) return [];
  const shown = linesMax - 1;
  const hidden = `${jobs.length - shown} ${shown > 0 ? "more " : ""}${word}`;
  return [...jobs.slice(0, shown).map(row), [dim(shown > 0 ? `  … and ${hidden}` : `  ${hidden}`)]];
};
