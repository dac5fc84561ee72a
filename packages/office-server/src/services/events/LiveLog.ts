import type { JobEvent } from "office-contract/events.ts";
import type { Database } from "../../db/connection.ts";
import { eventsAfter, lastEventSeq } from "../../db/queries/eventsAfter.ts";
import { officeExists } from "../../db/queries/offices.ts";
import type { Logger } from "../../platform/log.ts";
import { pause, setLongTimer, type Timer } from "../../platform/timers.ts";
import { EventFeed } from "./EventFeed.ts";
import { EventPage } from "./EventPage.ts";

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
  gone: boolean;
}

/** Events of a page that one follower reads for itself. */
const PAGE = 250;
/** Events kept for those that fall behind a little, so that they need not read them again. */
const KEPT_EVENTS = 5_000;
/** Under load, changes are gathered for so long: everybody gets fewer and larger pages. */
const GATHER_MS = 20;
const READ_AGAIN_MS = 1_000;

/** One office's log as it grows: read once for all who are at its end. The others catch up, each from its own place. */
export class LiveLog {
  readonly #database: Database;
  readonly #officeId: string;
  readonly #log: Logger;
  readonly #followers = new Set<Follower>();
  /** Those that have everything that has been read. */
  readonly #atEnd = new Set<Follower>();
  readonly #kept: EventPage[] = [];
  #keptEvents = 0;
  #feed: Promise<EventFeed>;
  #seq = 0;
  #resting: Timer | null = null;
  #wokenMeanwhile = false;
  #closed = false;

  constructor(database: Database, officeId: string, log: Logger) {
    this.#database = database;
    this.#officeId = officeId;
    this.#log = log;
    this.#feed = this.#open();
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
    const follower: Follower = { sink, onGone, seq: after, gone: false };
    this.#followers.add(follower);
    void this.#catchUp(follower);
    return () => this.#remove(follower);
  }

  /** There may be something new. */
  wake(): void {
    this.#wokenMeanwhile = true;
    if (this.#resting !== null || this.#closed) return;
    this.#wokenMeanwhile = false;
    this.#rest(GATHER_MS);
    void this.#read();
  }

  /** Ends it for all who follow. */
  close(): void {
    this.#closed = true;
    this.#resting?.cancel();
    for (const follower of this.#followers) this.#end(follower);
  }

  async #open(): Promise<EventFeed> {
    for (;;) {
      try {
        this.#seq = await lastEventSeq(this.#database, this.#officeId);
        return new EventFeed(this.#database, this.#officeId, this.#seq, (events) => this.#onEvents(events));
      } catch (error) {
        this.#log.warn({ err: error, office_id: this.#officeId }, "could not read the event log, and will try again");
        if (this.#closed) throw error;
        await pause(READ_AGAIN_MS);
      }
    }
  }

  async #read(): Promise<void> {
    try {
      const feed = await this.#feed;
      const before = this.#seq;
      await feed.read();
      // A deleted office writes no event about it.
      if (this.#seq === before && !(await officeExists(this.#database, this.#officeId))) this.close();
    } catch (error) {
      if (this.#closed) return;
      this.#log.warn({ err: error, office_id: this.#officeId }, "could not read the event log, and will try again");
      this.#wokenMeanwhile = true;
      this.#rest(READ_AGAIN_MS);
    }
  }

  #rest(delayMs: number): void {
    this.#resting?.cancel();
    this.#resting = setLongTimer(() => {
      this.#resting = null;
      if (this.#wokenMeanwhile) this.wake();
    }, delayMs);
  }

  #onEvents(events: readonly JobEvent[]): void {
    const page = new EventPage(events);
    const isGap = page.first !== this.#seq + 1;
    this.#seq = page.last;
    this.#keep(page);
    for (const follower of this.#atEnd) {
      if (isGap) this.#end(follower);
      else void this.#hand(follower, page);
    }
  }

  #keep(page: EventPage): void {
    this.#kept.push(page);
    this.#keptEvents += page.events.length;
    while (this.#keptEvents > KEPT_EVENTS && this.#kept.length > 1) {
      this.#keptEvents -= this.#kept.shift()?.events.length ?? 0;
    }
  }

  /** Gives a page to one that is at its beginning. One that is busy then leaves the others, and catches up later. */
  #hand(follower: Follower, page: EventPage): Promise<void> | undefined {
    follower.seq = page.last;
    const busy = follower.sink.onEvents(page);
    if (busy !== undefined && this.#atEnd.delete(follower)) void busy.then(() => this.#catchUp(follower));
    return busy;
  }

  async #catchUp(follower: Follower): Promise<void> {
    while (!follower.gone) {
      try {
        const feed = await this.#feed;
        if (follower.seq === this.#seq) {
          if (!follower.gone) this.#atEnd.add(follower);
          return;
        }
        if (follower.seq > this.#seq) await feed.read();
        else await this.#handNext(follower);
      } catch (error) {
        if (follower.gone) return;
        this.#log.warn({ err: error, office_id: this.#officeId }, "could not read the event log, and will try again");
        await pause(READ_AGAIN_MS);
      }
    }
  }

  async #handNext(follower: Follower): Promise<void> {
    const page = this.#keptAfter(follower.seq) ?? (await this.#readAfter(follower.seq));
    if (follower.gone) return;
    if (page?.first === follower.seq + 1) await this.#hand(follower, page);
    else this.#end(follower);
  }

  #keptAfter(seq: number): EventPage | undefined {
    const [oldest] = this.#kept;
    if (oldest === undefined || seq + 1 < oldest.first) return undefined;
    return this.#kept.find(({ last }) => last > seq)?.after(seq);
  }

  async #readAfter(seq: number): Promise<EventPage | undefined> {
    const events = await eventsAfter(this.#database, this.#officeId, seq, PAGE);
    return events.length === 0 ? undefined : new EventPage(events);
  }

  #end(follower: Follower): void {
    if (follower.gone) return;
    this.#remove(follower);
    follower.sink.onEnd();
  }

  #remove(follower: Follower): void {
    if (follower.gone) return;
    follower.gone = true;
    this.#followers.delete(follower);
    this.#atEnd.delete(follower);
    follower.onGone();
  }
}
