import { execFileSync } from "node:child_process";
import { readFileSync, readlinkSync } from "node:fs";

/** One process for good: a pid alone may be given to another process later. */
export interface ProcessIdentity {
  /** Tells apart the same pid before and after a reboot. */
  bootId: string;
  pid: number;
  /** As the system writes it; on Linux clock ticks since the boot. */
  startTime: string;
}

/** What `/proc/<pid>/stat` says of a process. */
export interface ProcessStat {
  pid: number;
  /** Dead, but not yet collected by its parent. */
  zombie: boolean;
  parentPid: number;
  groupId: number;
  sessionId: number;
  startTime: string;
}

/** Linux has it; elsewhere `ps` and `sysctl` are asked. */
export const hasProcFileSystem = process.platform === "linux";

let bootId: string | null = null;

/**
 * Names this run of the operating system, from its boot to its end, and the part of its processes that can be seen from
 * here: two containers may run on one system and not see each other's.
 */
export function currentBootId(): string {
  bootId ??= hasProcFileSystem
    ? `${readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()}.${pidNamespace()}`
    : (commandOutput("sysctl", ["-n", "kern.boottime"]) ?? "unknown");
  return bootId;
}

/** The number of the PID namespace. */
const pidNamespace = (): string => /\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0] ?? "0";

/** Whether it can be told here if a process still runs: another system, or another part of this one, cannot be looked into. */
export const isJudgedHere = (identity: ProcessIdentity): boolean => identity.bootId === currentBootId();

/** Whose `pid` is now, be it a zombie's, or null when it is free. */
export function identityOf(pid: number): ProcessIdentity | null {
  const startTime = hasProcFileSystem
    ? (statOf(pid)?.startTime ?? null)
    : commandOutput("ps", ["-o", "lstart=", "-p", `${pid}`]);
  return startTime === null ? null : { bootId: currentBootId(), pid, startTime };
}

/** Whether this very process still runs. A zombie does not. Throws when it cannot be told. */
export function isAlive({ bootId: ownBootId, pid, startTime }: ProcessIdentity): boolean {
  if (ownBootId !== currentBootId()) return false;
  if (!hasProcFileSystem) return identityOf(pid)?.startTime === startTime;
  const stat = statOf(pid);
  return stat !== null && !stat.zombie && stat.startTime === startTime;
}

/** The facts about a process from `/proc`, or null when there is none under `pid`. */
export function statOf(pid: number): ProcessStat | null {
  const text = readProc(pid, "stat");
  return text === null ? null : parseStat(text);
}

/**
 * A file about a process, or null when there is no such process, or none that we may look at.
 *
 * @throws when it cannot be told (too many open files, say): nobody must take that for a dead process.
 */
export function readProc(pid: number, file: "stat" | "environ"): string | null {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch (error) {
    if (["ENOENT", "ESRCH", "EACCES", "EPERM"].includes((error as NodeJS.ErrnoException).code ?? "")) return null;
    throw error;
  }
}

/** Reads one `/proc/<pid>/stat`. The program's name, in brackets, may itself hold brackets, spaces and newlines. */
export function parseStat(text: string): ProcessStat {
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state, parentPid, groupId, sessionId] = fields;
  return {
    pid: Number.parseInt(text, 10),
    zombie: state === "Z" || state === "X",
    parentPid: Number(parentPid),
    groupId: Number(groupId),
    sessionId: Number(sessionId),
    // Field 22 of the line; the first after the name is field 3.
    startTime: fields[22 - 3] ?? "",
  };
}

function commandOutput(command: string, args: string[]): string | null {
  try {
    return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim() || null;
  } catch {
    return null;
  }
}
