import type { Command } from "commander";

/** What a command of `office` writes to. */
export const io = { stdout: process.stdout, stderr: process.stderr };

export const JOB = "a job's key, its id, or 6 or more characters of the beginning of its id";

/** For commands that are about one office. */
export const aboutOffice = (command: Command): Command =>
  command.option("-o, --office <office>", "the office, by its name or id");

/** For commands that can print what the API said. */
export const withJson = (command: Command, what = "print what the API said, as JSON"): Command =>
  command.option("--json", what, false);

/** For commands about an office whose answer can be printed as it is. */
export const forOffice = (command: Command, what?: string): Command => withJson(aboutOffice(command), what);

/** For options that may be given several times. */
export const gather = (word: string, words: string[] = []): string[] => [...words, word];

/** Carries out a command, and ends with the exit code that it returns. */
export const exits =
  <Args extends unknown[]>(carryOut: (...args: Args) => Promise<number>) =>
  async (...args: Args): Promise<void> => {
    process.exitCode = await carryOut(...args);
  };
