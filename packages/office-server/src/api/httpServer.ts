import { createServer, type RequestListener, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Config } from "../platform/config.ts";
import { onNextTurn, setLongTimer } from "../platform/timers.ts";
import { ListenError } from "../services/processStart.ts";

/** How long a stop waits for requests that are being answered. */
const STOP_MS_MAX = 10_000;
/** Longer than proxies keep a connection: one that we close first would break their next request. */
const KEEP_ALIVE_MS = 65_000;

/** Listens for requests, and stops in good order. */
export class HttpServer {
  readonly #server: Server;
  readonly #open = new Set<ServerResponse>();
  readonly #connections = new Set<Socket>();
  #stopping: Promise<void> | null = null;

  constructor(listener: RequestListener) {
    this.#server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, listener);
    this.#server.on("connection", (connection) => {
      this.#connections.add(connection);
      connection.once("close", () => this.#connections.delete(connection));
    });
    this.#server.on("request", (_request, response) => {
      this.#open.add(response);
      response.once("close", () => {
        this.#open.delete(response);
        // A connection that is kept for a next request has none coming.
        if (this.#stopping !== null) onNextTurn(() => this.#closeUnused());
      });
    });
  }

  /**
   * Resolves with the address.
   *
   * @throws ListenError
   */
  start({ host, port }: Pick<Config, "host" | "port">): Promise<string> {
    const server = this.#server;
    return new Promise((resolve, reject) => {
      server.once("error", ({ code, message }: NodeJS.ErrnoException) => {
        const reason =
          code === "EADDRINUSE" ? "another program, or another API, has it; set PORT to another one" : message;
        reject(new ListenError(`cannot listen on ${host}:${port}: ${reason}`));
      });
      server.listen(port, host, () => {
        const { port: actual, family, address } = server.address() as AddressInfo;
        resolve(`http://${family === "IPv6" ? `[${address}]` : address}:${actual}`);
      });
    });
  }

  /** Takes no more requests, lets `endStreams` end those answers that have no end, and waits for the others. */
  stop(endStreams: () => Promise<void>): Promise<void> {
    this.#stopping ??= this.#stop(endStreams);
    return this.#stopping;
  }

  async #stop(endStreams: () => Promise<void>): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    const timer = setLongTimer(() => this.#server.closeAllConnections(), STOP_MS_MAX);
    await endStreams();
    // What is still being written by now would go on for as long as a session runs. Cut off, and not ended, it can be told
    // from what is complete.
    for (const response of this.#open) if (response.headersSent && !response.writableEnded) response.destroy();
    this.#closeUnused();
    await closed;
    timer.cancel();
  }

  /** Node's own `closeIdleConnections` leaves those open on which no request has ever come. */
  #closeUnused(): void {
    const inUse = new Set([...this.#open].map(({ socket }) => socket));
    for (const connection of this.#connections) if (!inUse.has(connection)) connection.destroy();
  }
}
