import { createParser } from "eventsource-parser";
import type { ApiClient } from "office-contract/api/client.ts";
import type { JobEvent } from "office-contract/events.ts";
import { pause } from "office-server/platform/timers.ts";
import { isPassing } from "./connect.ts";

export interface EventStreamOptions {
  client: ApiClient;
  officeId: string;
  /** The `seq` of the last event that is not wanted. Absent: only what comes from now on is. */
  after?: number;
  signal: AbortSignal;
  /** Told when the connection has broken and cannot be made again at once; it is tried until it can. */
  onCut: () => void;
}

const PAUSE_MS_MIN = 250;
const PAUSE_MS_MAX = 10_000;

/** An office's events as they come: each once and in order, through broken connections too. */
export class EventStream {
  readonly #options: EventStreamOptions;
  /** The `seq` of the last event that is known, handed on or not wanted. */
  #position: number | null;
  #response: Response | null = null;

  private constructor(options: EventStreamOptions) {
    this.#options = options;
    this.#position = options.after ?? null;
  }

  /** Connects. From here on no event is missed, also before the first is asked for. */
  static async open(options: EventStreamOptions): Promise<EventStream> {
    const stream = new EventStream(options);
    stream.#response = await stream.#connect();
    return stream;
  }

  /** The `seq` of an office's newest event, 0 where there is none. */
  static async newest(options: Omit<EventStreamOptions, "after" | "onCut">): Promise<number> {
    const stream = await EventStream.open({ ...options, onCut: () => {} });
    for (;;) {
      stream.#response ??= await stream.#connectAgain();
      // The first that a stream says is where it begins.
      for await (const _ of stream.#read(stream.#response)) if (stream.#position !== null) return stream.#position;
      stream.#response = null;
    }
  }

  /** Events as they come, those that come together at once. Ends by itself never; throws what ends it for good. */
  async *batches(): AsyncGenerator<JobEvent[]> {
    for (;;) {
      this.#response ??= await this.#connectAgain();
      for await (const events of this.#read(this.#response)) if (events.length > 0) yield events;
      this.#options.signal.throwIfAborted();
      this.#response = null;
    }
  }

  async #connectAgain(): Promise<Response> {
    const { signal, onCut } = this.#options;
    for (let pauseMs = PAUSE_MS_MIN; ; pauseMs = Math.min(2 * pauseMs, PAUSE_MS_MAX)) {
      await pause(pauseMs);
      signal.throwIfAborted();
      try {
        return await this.#connect();
      } catch (error) {
        if (!isPassing(error)) throw error;
        if (pauseMs === PAUSE_MS_MIN) onCut();
      }
    }
  }

  #connect(): Promise<Response> {
    const { client, officeId, signal } = this.#options;
    const headers = this.#position === null ? {} : { "last-event-id": this.#position };
    return client.open("streamEvents", { params: { officeId }, headers }, signal);
  }

  /** What one connection brings, piece by piece, a piece without events too, until it ends or breaks. */
  async *#read({ body }: Response): AsyncGenerator<JobEvent[]> {
    let events: JobEvent[] = [];
    let lastId: number | null = null;
    const parser = createParser({
      onEvent: ({ data }) => {
        const event = JSON.parse(data) as JobEvent;
        if (this.#position !== null && event.seq <= this.#position) return;
        this.#position = event.seq;
        events.push(event);
      },
      onId: (id) => {
        if (/^\d+$/.test(id)) lastId = Number(id);
      },
    });
    for await (const text of textOf(body)) {
      parser.feed(text);
      // An id that came without an event says where the log ended when we connected.
      this.#position ??= lastId;
      yield events;
      events = [];
    }
  }
}

/** The text of a body as it comes. That it breaks off is its end. */
async function* textOf(body: Response["body"]): AsyncGenerator<string> {
  if (body === null) return;
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } catch {
    // Whether we have been stopped is asked by the caller.
  } finally {
    await reader.cancel().catch(() => {});
  }
}
