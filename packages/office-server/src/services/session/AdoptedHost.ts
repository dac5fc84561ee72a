import { isAlive, type ProcessIdentity } from "../../platform/processIdentity.ts";
import { sendSignal } from "../../platform/processTable.ts";
import { pause } from "../../platform/timers.ts";
import { readRecord } from "./host/records.ts";
import type { HostEnd, SessionHost } from "./hostPool.ts";
import { inspectSession } from "./leftBehind.ts";

/** It is nobody's child here: nothing but a look tells when it has ended. */
const LOOK_AGAIN_MS = 100;

/** The host of a session that another worker has started. */
export class AdoptedHost implements SessionHost {
  readonly exited: Promise<HostEnd>;
  readonly #directory: string;
  readonly #identity: ProcessIdentity;

  constructor(directory: string, identity: ProcessIdentity) {
    this.#directory = directory;
    this.#identity = identity;
    this.exited = this.#watch();
  }

  /** One that has not begun yet does not hear, and a signal would end it: it looks by itself when it begins. */
  wake(): void {
    if ((readRecord(this.#directory, "host")?.startedAt ?? null) === null) return;
    this.#send("SIGHUP");
    // It can only hear that while it is not stopped.
    this.goOn();
  }

  goOn(): void {
    this.#send("SIGCONT");
  }

  interrupt(): void {
    this.#send("SIGTERM");
  }

  /** Where it cannot be told at the moment whether it lives, nobody may get the signal in its place. */
  #send(signal: NodeJS.Signals): void {
    if (this.#isAliveOr(false)) sendSignal(this.#identity.pid, signal);
  }

  async #watch(): Promise<HostEnd> {
    while (this.#isAliveOr(true)) await pause(LOOK_AGAIN_MS);
    return { clean: inspectSession(this.#directory).state === "exited", how: "unseen" };
  }

  #isAliveOr(unknown: boolean): boolean {
    try {
      return isAlive(this.#identity);
    } catch {
      return unknown;
    }
  }
}
