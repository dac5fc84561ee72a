import { execFileSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { hasProcFileSystem, statOf } from "../../platform/processIdentity.ts";

/** A server process, as its `postmaster.pid` describes it. */
export interface Postmaster {
  pid: number;
  /** Null while the server has not got so far yet. */
  port: number | null;
  /** It takes connections. Not so while it starts, recovers or stops. */
  ready: boolean;
}

const pidFile = (dataFolder: string): string => join(dataFolder, "postmaster.pid");

/** The server that runs on a data folder, or null. A file left by a dead server, whoever has its pid now, is none. */
export function readPostmaster(dataFolder: string): Postmaster | null {
  const recorded = readPidFile(dataFolder);
  return recorded !== null && isServerOf(recorded.pid, dataFolder) ? recorded : null;
}

/**
 * Makes way for a new server: returns the port of the dead one, if any, so that its clients find the new one, and
 * removes its file, since PostgreSQL would take a stranger with the old pid for a living server. That none of the old
 * one's processes is left is checked by PostgreSQL itself, by the shared memory of the data folder.
 */
export function clearDeadPostmaster(dataFolder: string): number | null {
  const port = readPidFile(dataFolder)?.port ?? null;
  rmSync(pidFile(dataFolder), { force: true });
  return port;
}

function readPidFile(dataFolder: string): Postmaster | null {
  try {
    return parsePidFile(readFileSync(pidFile(dataFolder), "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** Lines: pid, data folder, start time, port, socket folder, address, shared memory, status. They come one by one. */
export function parsePidFile(text: string): Postmaster | null {
  const [pid = "", , , port = "", , , , status = ""] = text.split("\n");
  if (!/^\d+$/.test(pid)) return null;
  return { pid: Number(pid), port: /^\d+$/.test(port) ? Number(port) : null, ready: status.trim() === "ready" };
}

/** The pid may be somebody else's by now. A server of ours names its data folder on its command line. */
const isServerOf = (pid: number, dataFolder: string): boolean => commandLineOf(pid).includes(dataFolder);

function commandLineOf(pid: number): string {
  try {
    if (!hasProcFileSystem) return execFileSync("ps", ["-ww", "-o", "command=", "-p", `${pid}`], { encoding: "utf8" });
    return statOf(pid)?.zombie === false ? readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ") : "";
  } catch {
    return "";
  }
}
