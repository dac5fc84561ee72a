import type { Database } from "../../db/connection.ts";
import { eventRange, newestEvents } from "../../db/queries/eventsAfter.ts";
import { Listener, type Wakeup } from "../../db/wakeups.ts";
import { Refusal } from "../../domain/refusal.ts";
import { newId } from "../../platform/ids.ts";
import type { Logger } from "../../platform/log.ts";
import { setLongTimer, type Timer } from "../../platform/timers.ts";
import { type EventSink, LiveLog } from "./LiveLog.ts";
import { Pace } from "./Pace.ts";

export type { EventSink } from "./LiveLog.ts";

export interface EventHubOptions {
  database: Database;
  log: Logger;
  /** How often to look for what LISTEN has not told of, in ms; 0: never. */
  tickIntervalMs: number;
  /** Most that may follow at the same time. Default 1,000. */
  followersMax?: number;
  /** What all followers get together, so that many of a busy office leave the processor to the workers. Default 20 MB. */
  bytesPerSecond?: number;
}

const FOLLOWERS_MAX = 1_000;
const BYTES_PER_SECOND = 20_000_000;

/** What a process follows the event logs with: one connection that listens, and one reader for each office that is followed. */
export class EventHub {
  readonly #options: EventHubOptions;
  readonly #listener: Listener;
  readonly #pace: Pace;
  readonly #logs = new Map<string, LiveLog>();
  readonly #callbacks = new Map<string, Set<() => void>>();
  #tick: Timer | null = null;
  #followers = 0;
  #stopped = false;

  constructor(options: EventHubOptions) {
    this.#options = options;
    this.#pace = new Pace(options.bytesPerSecond ?? BYTES_PER_SECOND);
    // Under a name of its own, so that it hears this process as well.
    this.#listener = new Listener(options.database, newId(), (wakeup) => this.#hear(wakeup));
  }

  /** How many follow an office's events. */
  get followers(): number {
    return this.#followers;
  }

  /** Resolves when it listens, or when the first attempt to has failed. */
  async start(): Promise<void> {
    this.#tickLater();
    await this.#listener.start();
  }

  /** Ends it for all who follow. May be called twice. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#tick?.cancel();
    for (const log of this.#logs.values()) log.close();
    this.#logs.clear();
    this.#callbacks.clear();
    await this.#listener.stop();
  }

  /**
   * Where following may begin: `after` itself, or for null the newest event.
   *
   * @throws Refusal when events that come after it are no longer kept
   */
  async place(officeId: string, after: number | null): Promise<number> {
    const range = await eventRange(this.#options.database, officeId);
    const { first, last } = range ?? { first: 1, last: 0 };
    if (after === null) return last;
    if (after + 1 < first) {
      throw new Refusal(
        "events_expired",
        `the oldest event that is kept is ${first}, and ${after + 1} was asked for; read the jobs anew, and follow from now on`,
      );
    }
    if (after > last) {
      throw new Refusal(
        "events_expired",
        `the newest event is ${last}, and ${after} none of this log, which may have been restored from a backup; read the jobs anew, and follow from now on`,
      );
    }
    return after;
  }

  /**
   * Follows an office's events from a place on (see `place`): each once, in order and without a gap. Returns what ends that.
   * Nothing is handed on before this returns.
   *
   * @throws Refusal when too many follow already
   */
  subscribe(officeId: string, after: number, sink: EventSink): () => void {
    const { database, log, followersMax = FOLLOWERS_MAX } = this.#options;
    if (this.#stopped) throw new Refusal("database_unavailable", "the API is stopping");
    if (this.#followers >= followersMax) {
      throw new Refusal("too_many_requests", `${followersMax} follow events here already; try again later`);
    }
    let live = this.#logs.get(officeId);
    if (live === undefined)
      this.#logs.set(officeId, (live = new LiveLog({ database, officeId, log, pace: this.#pace })));
    this.#followers += 1;
    return live.follow(after, sink, () => {
      this.#followers -= 1;
      if (live.size > 0) return;
      live.close();
      if (this.#logs.get(officeId) === live) this.#logs.delete(officeId);
    });
  }

  /** Calls back whenever something may have changed in an office. Returns what ends that. */
  onChange(officeId: string, callback: () => void): () => void {
    const callbacks = this.#callbacks.get(officeId) ?? new Set();
    this.#callbacks.set(officeId, callbacks.add(callback));
    return () => {
      callbacks.delete(callback);
      if (callbacks.size === 0 && this.#callbacks.get(officeId) === callbacks) this.#callbacks.delete(officeId);
    };
  }

  #hear(wakeup: Wakeup): void {
    if (wakeup.kind === "any") void this.#lookAtAll();
    else this.#wake(wakeup.officeId);
  }

  #wake(officeId: string): void {
    this.#logs.get(officeId)?.wake();
    for (const callback of this.#callbacks.get(officeId) ?? []) callback();
  }

  /** Finds what nobody has told of, in one question for all offices that are followed. */
  async #lookAtAll(): Promise<void> {
    const { database, log } = this.#options;
    for (const callbacks of this.#callbacks.values()) for (const callback of callbacks) callback();
    if (this.#logs.size === 0) return;
    try {
      const newest = await newestEvents(database, [...this.#logs.keys()]);
      for (const [officeId, live] of this.#logs) if (newest.get(officeId) !== live.seq) live.wake();
    } catch (error) {
      log.warn({ err: error }, "could not look for new events, and will try again");
      for (const live of this.#logs.values()) live.wake();
    }
  }

  #tickLater(): void {
    const { tickIntervalMs } = this.#options;
    if (tickIntervalMs === 0 || this.#stopped) return;
    this.#tick = setLongTimer(() => void this.#lookAtAll().then(() => this.#tickLater()), tickIntervalMs);
  }
}
