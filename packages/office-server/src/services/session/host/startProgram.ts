import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, statSync } from "node:fs";
import { delimiter, isAbsolute, join, resolve } from "node:path";
import type { ExitRecord, StartSpec } from "./records.ts";

type StartError = NonNullable<ExitRecord["startError"]>;
export type Started = { child: ChildProcess & { pid: number } } | { startError: StartError };

/** What the system lacks at the moment, and may have again at the next attempt. */
const TEMPORARY_CODES = new Set(["EAGAIN", "ENOMEM", "EMFILE", "ENFILE"]);

/** Starts the program at the head of a process group and a session of its own. */
export function startProgram(
  spec: StartSpec,
  stdinFd: number | "ignore",
  outputFd: number | "ignore",
): Started | Promise<Started> {
  const { command, cwd, env } = spec;
  const problem = cwdProblem(cwd);
  if (problem !== null) return { startError: { message: problem, temporary: false } };
  try {
    const [file = "", ...args] = command;
    const child = spawn(file, args, { cwd, env, detached: true, stdio: [stdinFd, outputFd, outputFd] });
    return hasPid(child) ? { child } : once(child, "error").then(([error]) => failure(error as Error, spec));
  } catch (error) {
    return failure(error as Error, spec);
  }
}

const hasPid = (child: ChildProcess): child is ChildProcess & { pid: number } => child.pid !== undefined;

function failure(error: NodeJS.ErrnoException, spec: StartSpec): { startError: StartError } {
  const temporary = TEMPORARY_CODES.has(error.code ?? "");
  return { startError: { message: explain(error, spec), temporary } };
}

function cwdProblem(cwd: string): string | null {
  if (!isAbsolute(cwd)) return `cwd is not an absolute path: ${cwd || '""'}`;
  const folder = statSync(cwd, { throwIfNoEntry: false });
  if (folder === undefined) return `cwd does not exist: ${cwd}`;
  return folder.isDirectory() ? null : `cwd is not a folder: ${cwd}`;
}

function explain(error: NodeJS.ErrnoException, { command: [file = ""], cwd, env }: StartSpec): string {
  const hasPath = file.includes("/");
  switch (error.code ?? "") {
    case "ENOENT": {
      const candidates = hasPath
        ? [resolve(cwd, file)]
        : (env["PATH"] ?? "").split(delimiter).map((folder) => join(resolve(cwd, folder), file));
      const found = candidates.find((candidate) => existsSync(candidate));
      if (found !== undefined) return `cannot start ${found}: the interpreter that its first line names was not found`;
      return `command not found: ${file}${hasPath ? "" : " (looked in PATH)"}`;
    }
    case "EACCES":
      return `not executable: ${file} (or the cwd may not be entered: ${cwd})`;
    case "E2BIG":
      return `cannot start ${file}: its arguments and environment are too long (E2BIG); pass long text through stdin`;
    default:
      return `cannot start ${file || "a program without a name"}: ${error.message}`;
  }
}
