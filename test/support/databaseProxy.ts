import { connect, createServer, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** Stands between a worker and its database, and can be out of order. */
export class DatabaseProxy {
  readonly #target: URL;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #state: "open" | "refusing" | "silent" = "open";

  private constructor(target: string) {
    this.#target = new URL(target);
    this.#server = createServer((client) => this.#connect(client));
  }

  static async start(target: string): Promise<DatabaseProxy> {
    const proxy = new DatabaseProxy(target);
    await new Promise<void>((resolve) => {
      proxy.#server.listen(0, "127.0.0.1", resolve);
    });
    onTestFinished(async () => {
      proxy.cut();
      await new Promise((resolve) => {
        proxy.#server.close(resolve);
      });
    });
    return proxy;
  }

  get url(): string {
    const url = new URL(this.#target);
    url.host = `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    return url.href;
  }

  /** Breaks every connection, and takes no more of them. */
  cut(): void {
    this.#state = "refusing";
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Lets nothing through any more, and tells nobody. */
  fallSilent(): void {
    this.#state = "silent";
    for (const socket of this.#sockets) socket.pause();
  }

  /** As `fallSilent`, for the connections that there are: new ones are well. */
  deafen(): void {
    for (const socket of this.#sockets) socket.pause();
  }

  /** All is well again. What was silent is broken first. */
  mend(): void {
    if (this.#state === "silent") this.cut();
    this.#state = "open";
  }

  #connect(client: Socket): void {
    this.#keep(client);
    if (this.#state === "refusing") client.destroy();
    if (this.#state !== "open") return;
    const server = connect(Number(this.#target.port), this.#target.hostname);
    this.#keep(server);
    client.on("close", () => server.destroy());
    server.on("close", () => client.destroy());
    // Not piped: a pipe would go on by itself after a pause.
    client.on("data", (bytes) => server.write(bytes));
    server.on("data", (bytes) => client.write(bytes));
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => this.#sockets.delete(socket));
  }
}
