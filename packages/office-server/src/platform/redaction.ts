import { withoutPasswords } from "./config.ts";

const HIDDEN = "***";

const SECRET_WORDS =
  "token|secret|password|passphrase|authorization|cookie|credential|(?:api|role|private|service)[_-]?key";
const SECRET_NAME = new RegExp(`(?:${SECRET_WORDS})s?$`, "i");
const HAS_SECRET_NAME = new RegExp(`(?:${SECRET_WORDS})s?":`, "i");

/** The end of what came before, where a value may begin: in JSON, a line break is a backslash and a letter. */
const START = String.raw`(?:(?<![\w-])|(?<=\\[nrt]))`;
/** Values that are known by their look, wherever they are. Each takes linear time: a message may be a megabyte long. */
const SECRET_VALUES: readonly [RegExp, string][] = [
  // Our own: keys of the API, tokens of executions, secrets of webhooks.
  [/(of[kx]_|whsec_)[\w+/-]{16,}=*/g, `$1${HIDDEN}`],
  [new RegExp(`${START}(Bearer) [\\w.~+/-]{16,}=*`, "gi"), `$1 ${HIDDEN}`],
  // JSON web tokens, as Supabase's keys are.
  [new RegExp(`${START}eyJ[\\w-]{8,}\\.[\\w-]{8,}\\.[\\w-]*`, "g"), HIDDEN],
  [new RegExp(`${START}(sk|sb_secret|ghp|github_pat)([-_])[\\w-]{16,}`, "g"), `$1$2${HIDDEN}`],
  // Whoever knows such an address may post to it.
  [/(hooks\.slack\.com\/\w+\/)[\w/-]+/g, `$1${HIDDEN}`],
];

/** Hides what is a secret by its look in a text: passwords in addresses, keys, tokens. */
export const withoutSecrets = (text: string): string =>
  SECRET_VALUES.reduce((rest, [pattern, replacement]) => rest.replaceAll(pattern, replacement), withoutPasswords(text));

/** Hides what is a secret by its name (`token`, `authorization`, ...) in a line of JSON, at any depth. */
export function withoutSecretFields(line: string): string {
  if (!HAS_SECRET_NAME.test(line)) return line;
  return JSON.stringify(JSON.parse(line), (name, value: unknown) =>
    SECRET_NAME.test(name) && value !== null && typeof value !== "boolean" ? HIDDEN : value,
  );
}
