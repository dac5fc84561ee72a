import type { JobEvent } from "office-contract/events.ts";

/** Some events of an office that follow each other. Put into words once, however many follow them. */
export class EventPage {
  readonly events: readonly JobEvent[];
  /** The `seq` of its first and of its last event. */
  readonly first: number;
  readonly last: number;
  #text: Buffer | null = null;

  /** There must be at least one event. */
  constructor(events: readonly JobEvent[]) {
    this.events = events;
    this.first = events[0]?.seq ?? 0;
    this.last = events.at(-1)?.seq ?? 0;
  }

  /** As a stream of server-sent events has them. */
  get text(): Buffer {
    this.#text ??= Buffer.from(this.events.map(asServerSentEvent).join(""));
    return this.#text;
  }

  /** The events after a place, or all when that is none of this page. */
  after(seq: number): EventPage {
    return seq < this.first ? this : new EventPage(this.events.slice(seq - this.first + 1));
  }
}

const asServerSentEvent = (event: JobEvent): string =>
  `id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
