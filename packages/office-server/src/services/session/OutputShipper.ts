import type { Database } from "../../db/connection.ts";
import { appendOutput, type OutputChunk } from "../../db/output.ts";
import { storedOutput } from "../../db/queries/storedOutput.ts";
import { monotonicMs } from "../../platform/clock.ts";
import type { Logger } from "../../platform/log.ts";
import { inTime, setLongTimer, type Timer } from "../../platform/timers.ts";
import { OutputFollower } from "./OutputFollower.ts";

export interface OutputShipperOptions {
  database: Database;
  log: Logger;
  /** Between two looks at what sessions have written. Default 500 ms. */
  intervalMs?: number;
  /** How long the end of a session waits for its output to be stored. Default 2 s. */
  patienceMs?: number;
}

const KIBIBYTE = 1024;
const PIECE_BYTES = 64 * KIBIBYTE;
/** Of one session in one go, and of all in one statement: what this costs in memory. */
const SESSION_BYTES = 1024 * KIBIBYTE;
const STATEMENT_BYTES = 4 * SESSION_BYTES;
/** A session that writes faster than this is looked at less often: what was older than its newest part is skipped then. */
const BYTES_PER_MS = (256 * KIBIBYTE) / 1_000;

interface Followed {
  follower: OutputFollower;
  ended: boolean;
  /** Monotonic. */
  restsUntilMs: number;
  /** Called when everything is stored, or cannot be stored now. */
  waiting: (() => void)[];
}

/**
 * Brings what sessions write into the database, so that it can be read from anywhere: twice a second what is new, of all
 * sessions in one statement. What the database does not take now is kept and sent again.
 */
export class OutputShipper {
  readonly #database: Database;
  readonly #log: Logger;
  readonly #intervalMs: number;
  readonly #patienceMs: number;
  readonly #followed = new Map<string, Followed>();
  /** Those to be looked at in the current round. */
  readonly #due = new Map<string, number>();
  /** What was read and may not have been stored. */
  #unsent: OutputChunk[] = [];
  #shipping: Promise<void> | null = null;
  #timer: Timer | null = null;
  #broken = false;

  constructor({ database, log, intervalMs = 500, patienceMs = 2_000 }: OutputShipperOptions) {
    this.#database = database;
    this.#log = log;
    this.#intervalMs = intervalMs;
    this.#patienceMs = patienceMs;
  }

  /** A session is about to write. `startAt`: how much of its output is stored already. */
  follow(executionId: string, directory: string, startAt = 0): void {
    if (this.#followed.has(executionId)) return;
    const follower = new OutputFollower(directory, startAt);
    this.#followed.set(executionId, { follower, ended: false, restsUntilMs: 0, waiting: [] });
    this.#lookSoon();
  }

  /** A session that another worker has followed goes on. Resolves when it is followed again. Never rejects. */
  async followOn(executionId: string, directory: string): Promise<void> {
    try {
      const stored = await storedOutput(this.#database, [executionId]);
      this.follow(executionId, directory, stored.get(executionId) ?? 0);
    } catch (error) {
      this.#log.warn({ err: error, execution_id: executionId }, "what is stored of a session's output is not known");
      // What is stored already and comes again changes nothing.
      this.follow(executionId, directory);
    }
  }

  /**
   * A session has ended. Resolves when all its output is stored; or when the database does not take it, or takes too long:
   * then it is stored later.
   */
  async finish(executionId: string): Promise<void> {
    const session = this.#followed.get(executionId);
    if (session === undefined) return;
    session.ended = true;
    this.#due.set(executionId, Infinity);
    const { promise: settled, resolve } = Promise.withResolvers<void>();
    session.waiting.push(resolve);
    void this.#ship();
    await inTime(settled, this.#patienceMs);
  }

  /** Stores what can be stored in a moment, and stops. */
  async stop(): Promise<void> {
    await Promise.all([...this.#followed.keys()].map((id) => this.finish(id)));
    this.#timer?.cancel();
    this.#timer = null;
    this.#due.clear();
    this.#followed.clear();
  }

  #lookSoon(): void {
    this.#timer ??= setLongTimer(() => {
      this.#timer = null;
      this.#look();
    }, this.#intervalMs);
  }

  #look(): void {
    const nowMs = monotonicMs();
    for (const [id, { ended, restsUntilMs }] of this.#followed) {
      if (ended || restsUntilMs <= nowMs) this.#due.set(id, ended ? Infinity : SESSION_BYTES);
    }
    void this.#ship();
    if (this.#followed.size > 0) this.#lookSoon();
  }

  async #ship(): Promise<void> {
    this.#shipping ??= this.#shipAll().finally(() => {
      this.#shipping = null;
      // A session may have ended at the last moment.
      if (this.#due.size > 0) void this.#ship();
    });
    await this.#shipping;
  }

  async #shipAll(): Promise<void> {
    while (this.#due.size > 0 || this.#unsent.length > 0) {
      const drained = this.#unsent.length > 0 ? [] : await this.#gather();
      try {
        if (this.#unsent.length > 0) await appendOutput(this.#database, this.#unsent);
      } catch (error) {
        this.#fail(error);
        return;
      }
      this.#unsent = [];
      this.#broken = false;
      for (const id of drained) this.#forget(id);
    }
  }

  /** Reads what is new of the sessions that are due, as much as one statement takes. Returns those that have no more to come. */
  async #gather(): Promise<string[]> {
    const drained: string[] = [];
    let room = STATEMENT_BYTES;
    // Those that come to be due meanwhile have their turn in the next round: else this one might never end.
    const due = [...this.#due.keys()];
    for (const id of due) {
      if (room <= 0) break;
      const { bytes, isDrained } = await this.#gatherFrom(id, room);
      room -= bytes;
      if (isDrained) drained.push(id);
    }
    return drained;
  }

  async #gatherFrom(executionId: string, room: number): Promise<{ bytes: number; isDrained: boolean }> {
    let bytes = 0;
    const session = this.#followed.get(executionId);
    if (session === undefined) this.#due.delete(executionId);
    else {
      while (bytes < room) {
        const { ended } = session;
        const length = await this.#readNext(executionId, session);
        bytes += length;
        const allowance = (this.#due.get(executionId) ?? 0) - length;
        this.#due.set(executionId, allowance);
        // It may have written and ended while its file was looked at.
        if ((length > 0 && allowance > 0) || ended !== session.ended) continue;
        this.#due.delete(executionId);
        return { bytes, isDrained: length === 0 && ended };
      }
    }
    return { bytes, isDrained: false };
  }

  /** Returns how many bytes it has added to what is to be sent. */
  async #readNext(executionId: string, session: Followed): Promise<number> {
    try {
      const piece = await session.follower.read(PIECE_BYTES);
      if (piece === null) return 0;
      this.#unsent.push({ executionId, ...piece });
      const { length } = piece.data;
      session.restsUntilMs = Math.max(session.restsUntilMs, monotonicMs()) + length / BYTES_PER_MS;
      return length;
    } catch (error) {
      this.#log.warn({ err: error, execution_id: executionId }, "the output of a session cannot be read");
      return 0;
    }
  }

  #fail(error: unknown): void {
    if (!this.#broken) this.#log.warn({ err: error }, "output could not be stored, and will be sent again");
    this.#broken = true;
    this.#due.clear();
    for (const session of this.#followed.values()) settle(session);
  }

  #forget(executionId: string): void {
    const session = this.#followed.get(executionId);
    this.#followed.delete(executionId);
    if (session !== undefined) settle(session);
  }
}

function settle({ waiting }: Followed): void {
  for (const resolve of waiting.splice(0)) resolve();
}
