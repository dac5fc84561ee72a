import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** A process that has to do with a folder: it works in it, or names it in its arguments or its environment. */
export interface FoundProcess {
  pid: number;
  command: string;
}

/** Whatever still runs for an office in `folder`: its server, session hosts, sessions, the command line itself. */
export function processesOf(folder: string): FoundProcess[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && name !== `${process.pid}`)
    .filter((pid) => isAlive(pid) && mentions(pid, folder))
    .map((pid) => ({ pid: Number(pid), command: read(pid, "cmdline").replaceAll("\0", " ").trim() }));
}

const isAlive = (pid: string): boolean => !["", "Z", "X"].includes(read(pid, "stat").split(") ").at(-1)?.[0] ?? "");

const mentions = (pid: string, folder: string): boolean =>
  workingFolder(pid).startsWith(folder) ||
  read(pid, "cmdline").includes(folder) ||
  read(pid, "environ").includes(folder);

/** Nothing for a process that is gone, or that we may not look at. */
function read(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch {
    return "";
  }
}

function workingFolder(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return "";
  }
}
