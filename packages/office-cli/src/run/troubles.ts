import { monotonicMs } from "office-server/platform/clock.ts";

/** What has been said is not said again while it goes on: an outage is one line, however often something fails of it. */
const SILENCE_MS = 30_000;

interface LogLine {
  msg: string;
  err?: { message?: string };
}

/** Where a run's log goes when nobody asked for one: what goes wrong beside the jobs, in a plain line each. */
export class Troubles {
  readonly #say: (text: string) => void;
  /** By message, when it came last. */
  readonly #lastMs = new Map<string, number>();

  constructor(say: (text: string) => void) {
    this.#say = say;
  }

  /** Takes a line of the log, as JSON. */
  write(line: string): void {
    const { msg, err } = JSON.parse(line) as LogLine;
    const nowMs = monotonicMs();
    const lastMs = this.#lastMs.get(msg) ?? -Infinity;
    this.#lastMs.set(msg, nowMs);
    if (nowMs - lastMs > SILENCE_MS) this.#say(err?.message === undefined ? msg : `${msg} (${err.message})`);
  }
}
