import type { JobSchedulerConfig, JobSchedulerConfigPatch } from "office-contract/config.ts";
import { planLimitsSchema } from "office-contract/plan.ts";
import { quoted, suggestion } from "office-server/domain/plan/naming.ts";
import { requirement } from "office-server/domain/requirements.ts";
import { written } from "./durations.ts";
import { UsageError } from "./usageError.ts";

type Name = keyof JobSchedulerConfig;

const NAMES = Object.keys(planLimitsSchema.shape) as Name[];
const TIMES: ReadonlySet<Name> = new Set(["defaultTimeout", "timeoutByRole", "retryBaseDelay", "retryMaxDelay"]);
const BY_ROLE: ReadonlySet<Name> = new Set(["maxConcurrentByRole", "timeoutByRole"]);

/** One `KEY=VALUE`, or `KEY.ROLE=VALUE` of a setting that has a value for each role. */
interface Assignment {
  name: Name;
  role: string | null;
  value: unknown;
}

/**
 * What a command line changes about an office's settings, in ms where it is about time. A role's value leaves those of the
 * other roles as they are in `current`; `KEY.ROLE=` takes it away.
 *
 * @throws UsageError that names every setting that is wrong, and what would be right
 */
export function readSettings(words: readonly string[], current: JobSchedulerConfig): JobSchedulerConfigPatch {
  const given: Record<string, unknown> = {};
  for (const { name, role, value } of words.map(readAssignment)) {
    if (role === null) {
      given[name] = value;
      continue;
    }
    const others = (given[name] ?? current[name]) as Record<string, unknown>;
    const { [role]: _, ...rest } = others;
    given[name] = value === "" ? rest : { ...rest, [role]: value };
  }
  const { success, data, error } = planLimitsSchema.safeParse(given, { error: requirement });
  if (success) return data;
  throw new UsageError(error.issues.map(({ path, message }) => `${path.map(String).join(".")} ${message}`).join("\n"));
}

function readAssignment(word: string): Assignment {
  const sign = word.indexOf("=");
  if (sign < 1) throw new UsageError(`${quoted(word)} changes nothing: write KEY=VALUE, such as maxConcurrentJobs=5`);
  const [key = "", ...rest] = word.slice(0, sign).split(".");
  const name = NAMES.find((known) => known === key);
  if (name === undefined) {
    throw new UsageError(
      `there is no setting ${quoted(key)}${suggestion(key, NAMES) || `; settings are ${NAMES.join(", ")}`}`,
    );
  }
  const role = rest.length === 0 ? null : rest.join(".");
  if (role !== null && !BY_ROLE.has(name)) throw new UsageError(`${name} has one value, and none by role`);
  return { name, role, value: readValue(word.slice(sign + 1)) };
}

/** A number, a yes or no, or JSON where it looks like it; else the text, which may be a duration. */
function readValue(text: string): unknown {
  if (/^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  if (text === "true" || text === "false") return text === "true";
  if (!text.startsWith("{")) return text;
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError(`${quoted(text)} is not valid JSON; write it as in maxConcurrentByRole='{"BE":1}'`);
  }
}

/** An office's settings, as they are written to change them: `["timeoutByRole.BE", "30m"]`. */
export const settingWords = (config: JobSchedulerConfig): [string, string][] =>
  NAMES.flatMap((name): [string, string][] => {
    const value: unknown = config[name];
    const word = (one: unknown): string => (TIMES.has(name) ? written(one as number) : String(one));
    if (typeof value !== "object" || value === null) return [[name, word(value)]];
    return Object.entries(value).map(([role, one]) => [`${name}.${role}`, word(one)]);
  });
