import { type ClientRequest, type IncomingMessage, request } from "node:http";
import type { JobEvent } from "office-contract/events.ts";
import { onTestFinished } from "vitest";

const TEXT_LENGTH_KEPT = 100_000;

/** A client of a stream of server-sent events that shows every byte of it. */
export class StreamReader {
  readonly response: IncomingMessage;
  readonly events: JobEvent[] = [];
  /** The beginning of it. */
  text = "";
  ended = false;
  #rest = "";
  readonly #request: ClientRequest;
  readonly #waiting: { until: (reader: StreamReader) => boolean; resolve: () => void }[] = [];

  constructor(outgoing: ClientRequest, response: IncomingMessage) {
    this.#request = outgoing;
    this.response = response;
    response.setEncoding("utf8");
    response.on("data", (chunk: string) => {
      if (this.text.length < TEXT_LENGTH_KEPT) this.text += chunk;
      const frames = (this.#rest + chunk).split("\n\n");
      this.#rest = frames.pop() ?? "";
      for (const frame of frames) {
        const [, data] = /^data: (.*)$/m.exec(frame) ?? [];
        if (data !== undefined) this.events.push(JSON.parse(data) as JobEvent);
      }
      this.#look();
    });
    response.on("close", () => {
      this.ended = true;
      this.#look();
    });
    response.on("error", () => {});
  }

  get seqs(): number[] {
    return this.events.map(({ seq }) => seq);
  }

  /** Goes away, without a word. */
  leave(): void {
    this.#request.destroy();
  }

  /** Takes nothing more for now. */
  hesitate(): void {
    this.response.pause();
  }

  goOn(): void {
    this.response.resume();
  }

  async when(until: (reader: StreamReader) => boolean): Promise<void> {
    if (until(this)) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ until, resolve });
    await promise;
  }

  async whenSeq(seq: number): Promise<void> {
    await this.when(({ events }) => events.at(-1)?.seq === seq);
  }

  #look(): void {
    for (const { until, resolve } of this.#waiting) if (until(this)) resolve();
  }
}

/** Resolves when the headers are there. */
export async function openStream(url: string, headers: Record<string, string> = {}): Promise<StreamReader> {
  const { promise, resolve, reject } = Promise.withResolvers<StreamReader>();
  const outgoing = request(url, { headers, agent: false }, (response) => resolve(new StreamReader(outgoing, response)));
  outgoing.on("error", reject);
  outgoing.end();
  const reader = await promise;
  onTestFinished(() => reader.leave());
  return reader;
}
