import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** A request as it came over the wire. */
export interface Received {
  method: string;
  path: string;
  headers: IncomingMessage["headers"];
  body: string;
}

type Answering = (response: ServerResponse, request: Received) => void;

/** Somebody who is told of events: an HTTP server of the test's own that keeps what it gets. */
export class Receiver {
  readonly received: Received[] = [];
  readonly #server: Server;
  readonly #waiting: { count: number; resolve: () => void }[] = [];
  readonly #answers: Answering[] = [];
  /** What it answers when nothing was said about that. */
  answer: Answering = (response) => response.writeHead(204).end();

  constructor() {
    this.#server = createServer((request, response) => void this.#take(request, response));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async start(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.listen(0, "127.0.0.1", resolve);
    await promise;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** Answers the next request like this, and the one after it as is said next. */
  answerOnce(answering: Answering): void {
    this.#answers.push(answering);
  }

  /** Resolves when so many requests have come in all. */
  async whenReceived(count: number): Promise<Received[]> {
    if (this.received.length < count) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.push({ count, resolve });
      await promise;
    }
    return this.received;
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = "", url = "", headers } = request;
    const received = { method, path: url, headers, body: Buffer.concat(chunks).toString("utf8") };
    this.received.push(received);
    (this.#answers.shift() ?? this.answer)(response, received);
    for (const { count, resolve } of this.#waiting) if (this.received.length >= count) resolve();
  }
}

export const answering =
  (status: number, headers: Record<string, string> = {}, body = ""): Answering =>
  (response) =>
    response.writeHead(status, headers).end(body);

/** Takes the request and never says a word. */
export const hanging: Answering = () => {};

/** Cuts the connection. */
export const resetting: Answering = (response) => void response.socket?.resetAndDestroy();

export async function startReceiver(): Promise<Receiver> {
  const receiver = new Receiver();
  await receiver.start();
  onTestFinished(() => receiver.stop());
  return receiver;
}

/** The `seq` of the event that a webhook was told of. */
export const toldSeq = ({ body }: Received): number => (JSON.parse(body) as { data: { seq: number } }).data.seq;
