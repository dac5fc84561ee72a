import type { JobEvent } from "office-contract/events.ts";
import type { Database } from "../../db/connection.ts";
import { eventsAfter } from "../../db/queries/eventsAfter.ts";

const BATCH = 1_000;

/** Reads an office's event log as it grows: every event once, in order, from a given place on. */
export class EventFeed {
  readonly #database: Database;
  readonly #officeId: string;
  readonly #onEvents: (events: readonly JobEvent[]) => void;
  #after: number;
  #reading: Promise<void> | null = null;
  #again = false;

  /** `after` is the `seq` of the last event that is not wanted. */
  constructor(database: Database, officeId: string, after: number, onEvents: (events: readonly JobEvent[]) => void) {
    this.#database = database;
    this.#officeId = officeId;
    this.#after = after;
    this.#onEvents = onEvents;
  }

  /** Reads what is new. Resolves when everything that was committed before the call has been handed on. */
  async read(): Promise<void> {
    this.#again = true;
    this.#reading ??= this.#readAll().finally(() => {
      this.#reading = null;
    });
    await this.#reading;
  }

  async #readAll(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      const events = await eventsAfter(this.#database, this.#officeId, this.#after, BATCH);
      const last = events.at(-1);
      if (last === undefined) continue;
      this.#after = last.seq;
      this.#again ||= events.length === BATCH;
      this.#onEvents(events);
    }
  }
}
