import type { Response } from "express";
import { setLongTimer, type Timer } from "../../platform/timers.ts";
import type { EventPage } from "../../services/events/EventPage.ts";
import type { EventSink } from "../../services/events/LiveLog.ts";

/** How long a client waits before it connects again, in ms. */
const RETRY_MS = 2_000;
/** Shorter than the patience of proxies. */
const HEARTBEAT_MS = 15_000;

/** A stream of server-sent events to one client, with bounded memory: what the client does not take is not read. */
export class EventStream implements EventSink {
  readonly #response: Response;
  readonly #heartbeatMs: number;
  #heartbeat: Timer | null = null;

  constructor(response: Response, { heartbeatMs = HEARTBEAT_MS } = {}) {
    this.#response = response;
    this.#heartbeatMs = heartbeatMs;
  }

  /**
   * Sends the headers at once, and the place from which on it is followed: a client that loses the connection before the
   * first event goes on from there. `onClose` is called when the stream has ended, by either side.
   */
  open(place: number, onClose: () => void): void {
    const response = this.#response;
    response.status(200).set({
      "Content-Type": "text/event-stream; charset=utf-8",
      // Nothing in between may keep, gather or compress it.
      "Cache-Control": "no-store, no-transform",
      "X-Accel-Buffering": "no",
    });
    response.on("close", () => {
      this.#heartbeat?.cancel();
      onClose();
    });
    // The client going away while something is written is no news.
    response.on("error", ignore);
    response.write(`retry: ${RETRY_MS}\nid: ${place}\n\n`);
    this.#beatLater();
  }

  onEvents(page: EventPage): Promise<void> | undefined {
    const response = this.#response;
    if (response.write(page.text)) return undefined;
    return new Promise((resolve) => response.once("drain", resolve));
  }

  onEnd(): void {
    // One that takes nothing would not take the end either.
    if (this.#response.writableNeedDrain) this.#response.destroy();
    else this.#response.end();
  }

  #beatLater(): void {
    this.#heartbeat = setLongTimer(() => {
      if (!this.#response.writableNeedDrain) this.#response.write(":\n\n");
      this.#beatLater();
    }, this.#heartbeatMs);
  }
}

const ignore = (): void => {};
