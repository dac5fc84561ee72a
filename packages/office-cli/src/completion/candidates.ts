import type { Command, Option } from "commander";

/** What may be typed, and what it means. */
export interface Candidate {
  word: string;
  description: string;
}

/** What only a running service knows, or the file system. */
export type Subject =
  | "files"
  | "jobs"
  | "offices"
  | "roles"
  | "tasks"
  | "settings"
  | "states"
  | "shells"
  | "keys"
  | "webhooks"
  | "commands";

/**
 * What completes a command line: words, or the things of a kind whose words begin with `prefix`; what is completed begins
 * with `lead`, as in `--office=web`.
 */
export type Completion =
  | { kind: "words"; words: Candidate[] }
  | { kind: "subject"; subject: Subject; lead: string; prefix: string; office: string | null };

const ARGUMENTS: Readonly<Record<string, Subject>> = {
  plan: "files",
  job: "jobs",
  jobs: "jobs",
  office: "offices",
  settings: "settings",
  shell: "shells",
  key: "keys",
  webhook: "webhooks",
  command: "commands",
};

const VALUES: Readonly<Record<string, Subject>> = {
  "--office": "offices",
  "--role": "roles",
  "--task": "tasks",
  "--status": "states",
};

const NOTHING: Completion = { kind: "words", words: [] };

/** What completes the last of some words, which may be empty, by what a program says of its commands and options. */
export function complete(program: Command, words: readonly string[]): Completion {
  const { before, prefix, flag } = splitAssignment(words);
  let command = program;
  let operands = 0;
  let waiting: Option | null = null;
  let office: string | null = null;
  for (const word of flag === null ? before : [...before, flag]) {
    if (waiting !== null) {
      // As bash has `--office=website`: three words.
      if (word === "=") continue;
      if (waiting.long === "--office") office = word;
      waiting = null;
      continue;
    }
    const option = word.startsWith("-") ? findOption(command, word) : undefined;
    if (option !== undefined) {
      if (option.required || option.optional) waiting = option;
      continue;
    }
    if (word.startsWith("--office=")) office = word.slice("--office=".length);
    if (word.startsWith("-")) continue;
    const next = operands === 0 ? visible(command).find((one) => one.name() === word) : undefined;
    if (next === undefined) operands += 1;
    else command = next;
  }
  if (waiting !== null) {
    const subject = VALUES[waiting.long ?? ""];
    if (subject === undefined) return NOTHING;
    return { kind: "subject", subject, lead: flag === null ? "" : `${flag}=`, prefix, office };
  }
  if (prefix.startsWith("-")) return { kind: "words", words: startingWith(prefix, flagsOf(command)) };
  const names = operands === 0 ? startingWith(prefix, visible(command).map(asCandidate)) : [];
  const { registeredArguments } = command;
  const argument = registeredArguments[operands] ?? registeredArguments.findLast(({ variadic }) => variadic);
  const subject = argument === undefined ? undefined : ARGUMENTS[argument.name()];
  if (names.length > 0 || subject === undefined) return { kind: "words", words: names };
  return { kind: "subject", subject, lead: "", prefix, office };
}

/** `--office=web` is one word, or as bash has it three: `--office`, `=` and `web`. */
function splitAssignment(words: readonly string[]): { before: string[]; prefix: string; flag: string | null } {
  const before = words.slice(0, -1);
  const last = words.at(-1) ?? "";
  const [, flag, value] = /^(--[\w-]+)=(.*)$/s.exec(last) ?? [];
  if (flag !== undefined) return { before, prefix: value ?? "", flag };
  if (last === "=" && before.at(-1)?.startsWith("--") === true) return { before, prefix: "", flag: null };
  if (before.at(-1) === "=" && before.at(-2)?.startsWith("--") === true) before.pop();
  return { before, prefix: last, flag: null };
}

const findOption = ({ options }: Command, word: string): Option | undefined =>
  options.find(({ long, short }) => long === word || short === word);

export const visible = (command: Command): Command[] => [...command.createHelp().visibleCommands(command)];

export const asCandidate = (command: Command): Candidate => ({
  word: command.name(),
  description: command.description(),
});

const flagsOf = (command: Command): Candidate[] =>
  command
    .createHelp()
    .visibleOptions(command)
    .flatMap(({ long, description }) => (typeof long === "string" ? [{ word: long, description }] : []));

export const startingWith = (prefix: string, candidates: readonly Candidate[]): Candidate[] =>
  candidates.filter(({ word }) => word.startsWith(prefix));
