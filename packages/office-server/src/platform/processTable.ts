import { readdirSync } from "node:fs";
import { type ProcessStat, readProc, statOf } from "./processIdentity.ts";

/** Every living process that `/proc` shows. Zombies are left out: nothing of theirs runs any more. */
export function livingProcesses(): ProcessStat[] {
  return readdirSync("/proc")
    .map((name) => (/^\d+$/.test(name) ? statOf(Number(name)) : null))
    .filter((stat) => stat !== null && !stat.zombie) as ProcessStat[];
}

/** Whether a process was started with `assignment` ("NAME=value") in its environment. False when we may not look. */
export const wasStartedWith = (pid: number, assignment: string): boolean =>
  `\0${readProc(pid, "environ") ?? ""}`.includes(`\0${assignment}\0`);

/** Sends a signal. False when there is nobody to send it to, or we may not. A negative pid is a whole group. */
export function sendSignal(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}
