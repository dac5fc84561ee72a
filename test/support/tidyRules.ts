/** Rules of this code base that no general linter knows. Each one takes a file and says what is wrong with it. */

export interface SourceFile {
  /** From the repository's root, with forward slashes. */
  path: string;
  text: string;
}

export interface Problem {
  path: string;
  /** Counts from 1. */
  line: number;
  message: string;
}

export interface Rule {
  name: string;
  check: (file: SourceFile) => Problem[];
}

interface Ban {
  name: string;
  pattern: RegExp;
  message: string;
  /** Files to which the ban applies. */
  applies: (path: string) => boolean;
  /** Comments count as well. */
  inComments?: boolean;
}

const isSource = (path: string): boolean => /^packages\/[^/]+\/src\//.test(path);

/** The only places that may touch clock, randomness, timers and environment. The session host is a process of its own. */
const touchesWorld = (path: string): boolean =>
  path.startsWith("packages/office-server/src/platform/") ||
  path.startsWith("packages/office-server/src/services/session/host/");

const writesStates = (path: string): boolean =>
  /^packages\/office-server\/src\/db\/(transitions|migrations)\//.test(path);

const outsidePlatform = (path: string): boolean => isSource(path) && !touchesWorld(path);

const bans: Ban[] = [
  {
    name: "clock",
    pattern: /\bDate\.now\b|\bnew Date\(\s*\)|\bperformance\.now\b|\bprocess\.hrtime\b/g,
    message: "time comes from the database or from platform/clock.ts, so that tests can move it",
    applies: outsidePlatform,
  },
  {
    name: "randomness",
    pattern: /\bMath\.random\b|\brandomUUID\b|\bgetRandomValues\b|\brandomBytes\b|\bfrom "uuid"/g,
    message: "random values come from platform/, so that tests can repeat them",
    applies: outsidePlatform,
  },
  {
    name: "timers",
    // A parameter's type after the bracket (`setTimeout(id: string`) declares a method of that name: no call.
    pattern: /(?<![.\w])set(Timeout|Interval)\((?!\s*\w+\??:)|"node:timers(\/promises)?"/g,
    message: "timers come from platform/timers.ts, which knows their limits",
    applies: outsidePlatform,
  },
  {
    name: "environment",
    pattern: /\bprocess\.env\b/g,
    message: "the environment is read once, by platform/config.ts",
    applies: outsidePlatform,
  },
  {
    name: "one door for states",
    pattern:
      /\b(UPDATE(\s+ONLY)?|INSERT\s+INTO|DELETE\s+FROM|MERGE\s+INTO)\s+(\S+\.)?"?job_(queue|executions)\b|\bSET\s+status\b/gi,
    message: "states are written by db/transitions/ alone",
    applies: (path) => isSource(path) && !writesStates(path),
  },
  {
    name: "unfinished work",
    pattern: /\b(TODO|FIXME|XXX|HACK)\b/g,
    message: "do it now, or write an issue",
    applies: isSource,
    inComments: true,
  },
  {
    name: "reasons for exceptions",
    pattern: /(ox|es)lint-disable(?!.* -- \S)/g,
    message: "an exception from a lint rule says why: `oxlint-disable-next-line rule -- reason`",
    applies: (path) => !path.startsWith("test/"),
    inComments: true,
  },
];

const vagueName: Rule = {
  name: "names",
  check: ({ path }) =>
    /(^|\/)(utils?|helpers?|misc|common)(\/|\.[^/]*$)/i.test(path)
      ? [{ path, line: 1, message: "a file is named for what it does, not for being useful" }]
      : [],
};

/** Blanks out comments and keeps every line where it is. Strings stay: they may hold SQL. */
export function withoutComments({ path, text }: SourceFile): string {
  const blank = (comment: string): string => comment.replaceAll(/[^\n]/g, " ");
  if (path.endsWith(".sql")) return text.replaceAll(/--[^\n]*|\/\*[\s\S]*?\*\//g, blank);
  const stringOrComment = /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
  return text.replaceAll(stringOrComment, (match, string?: string) => string ?? blank(match));
}

const ruleOf = ({ name, pattern, message, applies, inComments = false }: Ban): Rule => ({
  name,
  check: (file) => {
    if (!applies(file.path)) return [];
    const text = inComments ? file.text : withoutComments(file);
    return [...text.matchAll(pattern)].map((match) => ({
      path: file.path,
      line: text.slice(0, match.index).split("\n").length,
      message: `\`${match[0].trim()}\`: ${message}`,
    }));
  },
});

export const rules: readonly Rule[] = [...bans.map(ruleOf), vagueName];
