import { monotonicMs } from "../../../platform/clock.ts";
import { currentBootId, hasProcFileSystem, type ProcessIdentity } from "../../../platform/processIdentity.ts";
import { livingProcesses, sendSignal, wasStartedWith } from "../../../platform/processTable.ts";
import { setLongTimer } from "../../../platform/timers.ts";

// Only our own children tell when they end; for all others we have to look.
const LOOK_AGAIN_MS_MAX = 250;

export interface SessionMembership {
  executionId: string;
  /** The program itself, which leads the process group; null when it is not known. */
  leader: ProcessIdentity | null;
}

/**
 * The living processes of a session, as targets for `kill`: the program's whole group as one negative number, and each
 * process that left the group but still carries the session's EXECUTION_ID. Where there is no `/proc`, the group alone.
 */
export function findSessionProcesses({ executionId, leader }: SessionMembership): number[] {
  const known = leader !== null && leader.bootId === currentBootId() ? leader : null;
  if (!hasProcFileSystem) return known !== null && sendSignal(-known.pid, 0) ? [-known.pid] : [];

  const processes = livingProcesses();
  // A later process that got the leader's pid proves that the leader's group is gone: a group keeps its number taken.
  const reused = processes.some(({ pid, startTime }) => pid === known?.pid && startTime !== known.startTime);
  const groupId = reused ? undefined : known?.pid;
  const targets = new Set<number>();
  for (const { pid, groupId: group, sessionId, startTime } of processes) {
    if (pid === process.pid) continue;
    if (group === groupId) targets.add(-group);
    else if (groupId !== undefined && sessionId === groupId) targets.add(pid);
    // Nothing that started before the program can stem from it; this spares most of the reading.
    else if (known !== null && Number(startTime) < Number(known.startTime)) continue;
    else if (wasStartedWith(pid, `EXECUTION_ID=${executionId}`)) targets.add(pid);
  }
  return [...targets];
}

/** Ends a session's processes: SIGTERM to each once, SIGKILL to those that are left after the grace. */
export class SessionProcesses {
  readonly #membership: SessionMembership;
  readonly #graceMs: number;
  #killAtMs = Infinity;
  #ending: Promise<void> | null = null;
  #lookNow: () => void = () => {};

  constructor(membership: SessionMembership, graceMs: number) {
    this.#membership = membership;
    this.#graceMs = graceMs;
  }

  /** Resolves when all are gone. The grace counts from the first call; a further one looks again at once. */
  end(): Promise<void> {
    this.#lookNow();
    this.#ending ??= this.#endAll();
    return this.#ending;
  }

  /** As `end`, but SIGKILL comes within `graceMs`, even if it was to come later. */
  hasten(graceMs: number): Promise<void> {
    this.#killAtMs = Math.min(this.#killAtMs, monotonicMs() + graceMs);
    return this.end();
  }

  async #endAll(): Promise<void> {
    this.#killAtMs = Math.min(this.#killAtMs, monotonicMs() + this.#graceMs);
    const asked = new Set<number>();
    for (let waitMs = 1; ; waitMs = Math.min(waitMs * 2, LOOK_AGAIN_MS_MAX)) {
      const targets = this.#find();
      if (targets?.length === 0) return;
      const graceLeftMs = this.#killAtMs - monotonicMs();
      for (const target of targets ?? []) {
        if (graceLeftMs <= 0) sendSignal(target, "SIGKILL");
        else if (!asked.has(target)) askToEnd(target);
        asked.add(target);
      }
      await this.#pause(graceLeftMs > 0 ? Math.min(waitMs, graceLeftMs) : waitMs);
    }
  }

  /** Null when it cannot be told at the moment. */
  #find(): number[] | null {
    try {
      return findSessionProcesses(this.#membership);
    } catch {
      return null;
    }
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setLongTimer(resolve, delayMs);
      this.#lookNow = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}

function askToEnd(target: number): void {
  sendSignal(target, "SIGTERM");
  // A process that was stopped by job control can only hear it once it goes on.
  sendSignal(target, "SIGCONT");
}
