import { bold, dim, type Line, padded, styled } from "../line.ts";
import type { Change } from "./model.ts";
import { lastOutput, type OutputSource } from "./sessionOutput.ts";
import { describeChange } from "./wording.ts";

const DONE_LINES_MAX = 5;
const KEYS_NAMED_MAX = 5;

/** What is worth remembering of some changes: jobs that are done or cancelled, many at once in one line. */
export const endFacts = (changes: readonly Change[], keyWidth: number): Line[] => {
  const done = changes.filter(({ event }) => event.type === "job_completed");
  const cancelled = changes.filter(({ event }) => event.type === "job_cancelled");
  return [
    ...(done.length > DONE_LINES_MAX
      ? [summed(styled("green", "✔ "), done, "done")]
      : done.map((change) => fact(styled("green", "✔ "), change, keyWidth))),
    ...(cancelled.length > 1
      ? [summed(styled("yellow", "⊘ "), cancelled, "cancelled")]
      : cancelled.map((change) => fact(styled("yellow", "⊘ "), change, keyWidth))),
  ];
};

/** A job that failed for good: why, what its session wrote last, and where all of it is. */
export const failureFact = async (
  change: Change,
  source: OutputSource | undefined,
  { keyWidth, columns }: { keyWidth: number; columns: number },
): Promise<Line[]> => [
  fact(styled("red", "✘ "), change, keyWidth),
  ...(await lastOutput(source, change.after, columns)),
];

const fact = (sign: Line[number], change: Change, keyWidth: number): Line => [
  sign,
  bold(padded(change.after.key, keyWidth)),
  "  ",
  ...(describeChange(change) ?? []),
];

const summed = (sign: Line[number], changes: readonly Change[], word: string): Line => {
  const keys = changes.slice(0, KEYS_NAMED_MAX).map(({ after }) => after.key);
  const hidden = changes.length - keys.length;
  const more = hidden > 0 ? ` … and ${hidden} more` : "";
  return [sign, bold(`${changes.length} jobs`), ` ${word}: `, dim(keys.join(", ") + more)];
};
