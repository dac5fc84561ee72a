import { LineCounter } from "yaml";
import { checkCoherence, checkSize, type LineOf } from "./plan/coherence.ts";
import type { PlanError, TextProblem, ValueProblem } from "./plan/errors.ts";
import { outlinePlan } from "./plan/outline.ts";
import { checkSessionsLength, type Plan, resolvePlan } from "./plan/resolve.ts";
import { checkShape } from "./plan/shape.ts";
import { parseYamlDocument } from "./plan/yamlDocument.ts";
import { YamlLocator } from "./plan/yamlLocation.ts";
import { YamlReader } from "./plan/yamlValue.ts";

export { formatPlanError, type PlanError } from "./plan/errors.ts";
export type { Plan, PlanJob } from "./plan/resolve.ts";

export type PlanResult = { ok: true; plan: Plan } | { ok: false; errors: PlanError[] };

/** `file` is the plan's name in errors; `directory` is the absolute path that the plan's folders are relative to. */
export interface PlanSource {
  file: string;
  directory: string;
}

type Checked = { ok: true; plan: Plan } | { ok: false; problems: TextProblem[] };
type CheckedValue = { ok: true; plan: Plan } | { ok: false; problems: ValueProblem[] };

/**
 * Reads a plan, YAML or JSON, and checks all of it: the text, each field, and whether the jobs fit together.
 * Every problem that can be told is reported, at least one where `ok` is false, in the order of the text.
 */
export const parsePlan = (text: string, { file, directory }: PlanSource): PlanResult => {
  const lines = new LineCounter();
  const checked = checkPlanText(text, directory, lines);
  if (checked.ok) return checked;
  const errors = checked.problems
    .toSorted((a, b) => a.offset - b.offset)
    .map(({ offset, message }) => {
      const { line, col } = lines.linePos(offset);
      return { file, line: Math.max(line, 1), column: Math.max(col, 1), message: printable(message) };
    });
  return { ok: false, errors };
};

/** Escapes what a terminal would obey, or read in another direction, instead of showing it. */
const printable = (message: string): string =>
  message.replaceAll(
    /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

const EMPTY_PLAN: TextProblem = {
  offset: 0,
  message: 'the plan is empty: it needs at least "jobs:" with one job, such as "- { key: hello, run: echo hello }"',
};

const checkPlanText = (text: string, directory: string, lines: LineCounter): Checked => {
  const parsed = parseYamlDocument(text, lines);
  if (!parsed.ok) return parsed;
  const reader = new YamlReader((offset) => lines.linePos(offset).line);
  const value = reader.read(parsed.document);
  const locator = new YamlLocator(parsed.document.contents, reader.targets);
  if (reader.overflowed) return { ok: false, problems: reader.problems };
  if (value === null && reader.problems.length === 0) return { ok: false, problems: [EMPTY_PLAN] };

  const checked = checkPlanValue(value, directory, (path) => lines.linePos(locator.offsetOf({ path })).line);
  if (checked.ok && reader.problems.length === 0) return checked;
  const located = (checked.ok ? [] : checked.problems).map((problem) => ({
    offset: locator.offsetOf(problem),
    message: problem.message,
  }));
  // What could not be read has no value, and is not to be reported once more for that.
  const unread = new Set(reader.problems.map(({ offset }) => offset));
  return { ok: false, problems: [...reader.problems, ...located.filter(({ offset }) => !unread.has(offset))] };
};

const checkPlanValue = (value: unknown, directory: string, lineOf: LineOf): CheckedValue => {
  const outline = outlinePlan(value);
  const excess = checkSize(outline);
  if (excess.length > 0) return { ok: false, problems: excess };
  const shape = checkShape(value);
  const incoherent = checkCoherence(outline, value, lineOf);
  if (!shape.ok) return { ok: false, problems: [...shape.problems, ...incoherent] };
  if (incoherent.length > 0) return { ok: false, problems: incoherent };
  const plan = resolvePlan(shape.document, directory);
  const problems = checkSessionsLength(plan);
  return problems.length === 0 ? { ok: true, plan } : { ok: false, problems };
};
