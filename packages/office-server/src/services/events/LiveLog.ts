import type { Database } from "../../db/connection.ts";
import { eventsAfter, lastEventSeq } from "../../db/queries/eventsAfter.ts";
import { officeExists } from "../../db/queries/offices.ts";
import type { Logger } from "../../platform/log.ts";
import { pause, setLongTimer, type Timer } from "../../platform/timers.ts";
import { EventPage } from "./EventPage.ts";
import type { Pace } from "./Pace.ts";

/** Who follows an office's events. */
export interface EventSink {
  /**
   * Takes events: each once, in order, without a gap. What returns a promise gets nothing more until that resolves, and
   * then goes on from its own place; it must not reject.
   */
  onEvents(page: EventPage): Promise<void> | undefined;
  /** Nothing follows: the office was deleted, or some of its events were before they could be read, or the process ends. */
  onEnd(): void;
}

interface Follower {
  sink: EventSink;
  onGone: () => void;
  /** The last event that it has got. */
  seq: number;
  resting: Timer | null;
  gone: boolean;
}

export interface LiveLogOptions {
  database: Database;
  officeId: string;
  log: Logger;
  /** Shared by all logs of the process. */
  pace: Pace;
}

/** Events that are read, and handed on, in one go. */
const PAGE = 250;
/** Events kept for those that have fallen behind a little, so that they need not read them again. */
const KEPT_EVENTS = 2_000;
/** Under load, changes are gathered for so long: everybody gets fewer and larger pages. */
const GATHER_MS = 20;
const READ_AGAIN_MS = 1_000;

/** One office's log as it grows: read once for all who are at its end. The others catch up, each from its own place. */
export class LiveLog {
  readonly #options: LiveLogOptions;
  readonly #followers = new Set<Follower>();
  /** Those that have everything that has been read. */
  readonly #atEnd = new Set<Follower>();
  readonly #kept: EventPage[] = [];
  readonly #opened: Promise<void>;
  #seq = 0;
  #woken = false;
  #reading = false;
  #resting: Timer | null = null;
  #closed = false;

  constructor(options: LiveLogOptions) {
    this.#options = options;
    this.#opened = this.#open();
  }

  /** How many follow it. */
  get size(): number {
    return this.#followers.size;
  }

  /** The last event that has been read for all. */
  get seq(): number {
    return this.#seq;
  }

  /**
   * Follows from the event after `after`, which must not be past the newest. Returns what ends that; `onGone` is called
   * when it has ended, whoever ended it.
   */
  follow(after: number, sink: EventSink, onGone: () => void): () => void {
    const follower: Follower = { sink, onGone, seq: after, resting: null, gone: false };
    this.#followers.add(follower);
    void this.#catchUp(follower);
    return () => this.#remove(follower);
  }

  /** There may be something new. */
  wake(): void {
    this.#woken = true;
    if (this.#reading || this.#resting !== null || this.#closed) return;
    void this.#read();
  }

  /** Ends it for all who follow. */
  close(): void {
    this.#closed = true;
    this.#resting?.cancel();
    for (const follower of this.#followers) this.#end(follower);
  }

  async #open(): Promise<void> {
    const { database, officeId } = this.#options;
    while (!this.#closed) {
      try {
        this.#seq = await lastEventSeq(database, officeId);
        return;
      } catch (error) {
        await this.#overcome(error);
      }
    }
  }

  /** Reads what is new, a page at a time, with a rest after each. */
  async #read(): Promise<void> {
    this.#woken = false;
    this.#reading = true;
    let restMs = GATHER_MS;
    try {
      await this.#opened;
      await this.#readPage();
      restMs = Math.max(this.#options.pace.restMs, GATHER_MS);
    } catch (error) {
      await this.#overcome(error);
      this.#woken = true;
    }
    this.#reading = false;
    if (this.#closed) return;
    this.#resting = setLongTimer(() => {
      this.#resting = null;
      if (this.#woken) this.wake();
    }, restMs);
  }

  async #readPage(): Promise<void> {
    const { database, officeId } = this.#options;
    const events = await eventsAfter(database, officeId, this.#seq, PAGE);
    if (events.length === PAGE) this.#woken = true;
    if (events.length > 0) this.#handOn(new EventPage(events));
    // A deleted office writes no event about it.
    else if (!(await officeExists(database, officeId))) this.close();
  }

  #handOn(page: EventPage): void {
    this.#seq = page.last;
    for (const follower of this.#atEnd) {
      // It may have begun behind what had been read so far.
      if (follower.seq >= page.last) continue;
      if (page.first > follower.seq + 1) this.#end(follower);
      else void this.#hand(follower, page.after(follower.seq));
    }
    this.#keep(page);
  }

  /** Keeps a page for as long as somebody is before it. */
  #keep(page: EventPage): void {
    this.#kept.push(page);
    let slowest = page.last;
    for (const { seq } of this.#followers) slowest = Math.min(slowest, seq);
    const wanted = Math.max(slowest, page.last - KEPT_EVENTS);
    while ((this.#kept[0]?.last ?? Infinity) <= wanted) this.#kept.shift();
  }

  /** Gives a page to one that is at its beginning. One that is busy then leaves the others, and catches up later. */
  #hand(follower: Follower, page: EventPage): Promise<void> | undefined {
    follower.seq = page.last;
    this.#options.pace.spend(page.text.length);
    const busy = follower.sink.onEvents(page);
    if (busy !== undefined && this.#atEnd.delete(follower)) void busy.then(() => this.#catchUp(follower));
    return busy;
  }

  async #catchUp(follower: Follower): Promise<void> {
    await this.#opened;
    while (!follower.gone) {
      if (follower.seq >= this.#seq) {
        this.#atEnd.add(follower);
        if (follower.seq > this.#seq) this.wake();
        return;
      }
      try {
        await this.#handNext(follower);
      } catch (error) {
        await this.#overcome(error);
      }
    }
  }

  async #handNext(follower: Follower): Promise<void> {
    const page = this.#keptAfter(follower.seq) ?? (await this.#readAfter(follower.seq));
    if (follower.gone) return;
    if (page?.first !== follower.seq + 1) {
      this.#end(follower);
      return;
    }
    await this.#hand(follower, page);
    const { restMs } = this.#options.pace;
    if (restMs > 0 && !follower.gone) await rest(follower, restMs);
  }

  #keptAfter(seq: number): EventPage | undefined {
    const [oldest] = this.#kept;
    if (oldest === undefined || seq + 1 < oldest.first) return undefined;
    return this.#kept.find(({ last }) => last > seq)?.after(seq);
  }

  async #readAfter(seq: number): Promise<EventPage | undefined> {
    const { database, officeId } = this.#options;
    const events = await eventsAfter(database, officeId, seq, PAGE);
    return events.length === 0 ? undefined : new EventPage(events);
  }

  async #overcome(error: unknown): Promise<void> {
    if (this.#closed) return;
    const { log, officeId } = this.#options;
    log.warn({ err: error, office_id: officeId }, "could not read the event log, and will try again");
    await pause(READ_AGAIN_MS);
  }

  #end(follower: Follower): void {
    if (follower.gone) return;
    this.#remove(follower);
    follower.sink.onEnd();
  }

  #remove(follower: Follower): void {
    if (follower.gone) return;
    follower.gone = true;
    follower.resting?.cancel();
    this.#followers.delete(follower);
    this.#atEnd.delete(follower);
    follower.onGone();
  }
}

/** Ends early, and never returns, when the follower has gone. */
function rest(follower: Follower, restMs: number): Promise<void> {
  return new Promise((resolve) => {
    follower.resting = setLongTimer(resolve, restMs);
  });
}
