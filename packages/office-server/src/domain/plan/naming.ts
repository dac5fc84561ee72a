import { distance } from "fastest-levenshtein";
import { isMapping } from "./mapping.ts";

const SHOWN_LENGTH_MAX = 60;
/** Comparing takes time in proportion to both lengths; nothing that has a name in a plan is longer. */
const COMPARED_LENGTH_MAX = 250;
/** The part of a name that may be mistyped while its meaning can still be told. */
const LIKENESS = 0.4;

/** Where a value is in a plan, as people write it: `jobs[3].env.CI (job "test")`. */
export const pathName = (path: readonly PropertyKey[], plan: unknown): string => {
  if (path.length === 0) return "the plan";
  let name = "";
  for (const step of path) {
    if (typeof step === "number") name += `[${step}]`;
    else if (/^\w+$/.test(String(step))) name += `${name === "" ? "" : "."}${String(step)}`;
    else name += `[${quoted(String(step))}]`;
  }
  const key = path[0] === "jobs" ? valueAt([...path.slice(0, 2), "key"], plan) : undefined;
  return typeof key === "string" && key !== "" ? `${name} (job ${quoted(key)})` : name;
};

/** A value of a plan in a few characters, in words where it has none. */
export const shown = (value: unknown): string => {
  if (typeof value === "string") return quoted(value);
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return "a list";
  return isMapping(value) ? "a mapping" : "empty";
};

/** Text in quotes, shortened, with its control characters escaped. */
export const quoted = (text: string): string =>
  JSON.stringify(text.length > SHOWN_LENGTH_MAX ? `${text.slice(0, SHOWN_LENGTH_MAX)}…` : text);

export const valueAt = (path: readonly PropertyKey[], value: unknown): unknown => {
  let part = value;
  for (const step of path) {
    if (typeof part !== "object" || part === null || !Object.hasOwn(part, step)) return undefined;
    part = (part as Record<PropertyKey, unknown>)[step];
  }
  return part;
};

/** ` (did you mean "depends_on"?)` for the known name that `name` is most likely to be, or nothing. */
export const suggestion = (name: string, known: Iterable<string>): string => {
  if (name.length > COMPARED_LENGTH_MAX) return "";
  let best = "";
  let least = Math.floor(name.length * LIKENESS) + 1;
  for (const candidate of known) {
    if (Math.abs(candidate.length - name.length) >= least) continue;
    const edits = distance(name.toLowerCase(), candidate.toLowerCase());
    if (edits < least) [best, least] = [candidate, edits];
  }
  return best === "" ? "" : ` (did you mean ${quoted(best)}?)`;
};
