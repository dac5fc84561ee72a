import type { ApiClient } from "office-contract/api/client.ts";
import type { JobEvent } from "office-contract/events.ts";
import { EventStream } from "../../packages/office-cli/src/api/EventStream.ts";

const ENDS: ReadonlySet<string> = new Set(["job_completed", "job_failed", "job_timeout", "job_cancelled"]);

/** Follows an office's events through everything that breaks. */
export class Follower {
  readonly events: JobEvent[] = [];
  /** Jobs that have not ended. */
  readonly open = new Map<string, JobEvent>();
  /** Jobs that have. */
  readonly ended = new Map<string, JobEvent>();
  readonly #abort = new AbortController();
  readonly #waiting = new Set<() => void>();
  #following: Promise<void> = Promise.resolve();
  /** Called with each event. */
  onEvent: (event: JobEvent) => void = () => {};

  /** Resolves when it is connected. */
  async start(client: ApiClient, officeId: string): Promise<void> {
    const options = { client, officeId, after: 0, signal: this.#abort.signal, onCut: () => {} };
    const stream = await EventStream.open(options);
    this.#following = this.#follow(stream);
  }

  /** Has those who wait look again, since something else has changed. */
  look(): void {
    for (const look of this.#waiting) look();
  }

  /** Resolves when something is so, now or after some event. */
  async when(isSo: () => boolean): Promise<void> {
    if (isSo()) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = (): void => {
      if (!isSo()) return;
      this.#waiting.delete(look);
      resolve();
    };
    this.#waiting.add(look);
    await promise;
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#following;
  }

  async #follow(stream: EventStream): Promise<void> {
    try {
      for await (const events of stream.batches()) {
        for (const event of events) this.#take(event);
        this.look();
      }
    } catch (error) {
      if (!this.#abort.signal.aborted) throw error;
    }
  }

  #take(event: JobEvent): void {
    this.events.push(event);
    const { job_id: id, type } = event;
    if (ENDS.has(type)) {
      this.open.delete(id);
      this.ended.set(id, event);
    } else if (!this.ended.has(id) || event.details["explicit"] === true) {
      this.ended.delete(id);
      this.open.set(id, event);
    }
    this.onEvent(event);
  }
}
