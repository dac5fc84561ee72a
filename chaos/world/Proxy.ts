import { connect, createServer, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { setLongTimer } from "office-server/platform/timers.ts";

interface Link {
  client: Socket;
  server: Socket;
  /** It has said LISTEN. */
  listens: boolean;
}

/** Where a connection breaks, relative to a commit: before the server has heard of it, or before it can say that it is done. */
export type CommitCut = "before" | "after";

/** What commits: a pass is one statement, other transactions end with a word. */
const COMMITS = /run_pass|COMMIT/;

/** Stands between a process and its database, and breaks what goes through. */
export class Proxy {
  readonly #target: URL;
  readonly #server: Server;
  readonly #links = new Set<Link>();
  #refuses = false;
  #delayMs = 0;
  #cut: { where: CommitCut; done: () => void } | null = null;

  private constructor(target: string) {
    this.#target = new URL(target);
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#connect(client));
  }

  static async start(target: string): Promise<Proxy> {
    const proxy = new Proxy(target);
    await new Promise<void>((resolve) => {
      proxy.#server.listen(0, "127.0.0.1", resolve);
    });
    return proxy;
  }

  get url(): string {
    const url = new URL(this.#target);
    url.host = `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    return url.href;
  }

  /** Breaks every connection; new ones are well. */
  cut(): void {
    for (const link of this.#links) destroy(link);
  }

  /** Breaks every connection, and takes no new ones, until `admit`. */
  refuse(): void {
    this.#refuses = true;
    this.cut();
  }

  /** Lets nothing through any more on the connections that there are, and tells nobody. New ones are well. */
  freeze(): void {
    for (const { client, server } of this.#links) for (const side of [client, server]) side.pause();
  }

  /** As `freeze`, for those connections alone that listen. False when there is none. */
  deafen(): boolean {
    const listening = [...this.#links].filter(({ listens }) => listens);
    for (const { server } of listening) server.pause();
    return listening.length > 0;
  }

  /** Closes one direction of each connection: the client hears nothing more, or is not heard any more. */
  halfClose(side: "client" | "server"): void {
    for (const link of this.#links) link[side].end();
  }

  /** Lets everything wait for so long, in ms. */
  delay(delayMs: number): void {
    this.#delayMs = delayMs;
  }

  /** Breaks the connection on which the next transaction commits. Resolves when that has happened. */
  cutAtCommit(where: CommitCut): Promise<void> {
    return new Promise((resolve) => {
      this.#cut = { where, done: resolve };
    });
  }

  /** All is well again for new connections. What was frozen is broken. */
  admit(): void {
    this.#refuses = false;
    this.#delayMs = 0;
    this.#cut = null;
    for (const link of this.#links) if (link.client.isPaused() || link.server.isPaused()) destroy(link);
  }

  async stop(): Promise<void> {
    this.refuse();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }

  #connect(client: Socket): void {
    client.on("error", () => {});
    if (this.#refuses) {
      client.destroy();
      return;
    }
    const server = connect({ port: Number(this.#target.port), host: this.#target.hostname, allowHalfOpen: true });
    server.on("error", () => {});
    const link: Link = { client, server, listens: false };
    this.#links.add(link);
    for (const side of [client, server]) {
      side.setNoDelay(true);
      side.on("close", () => {
        destroy(link);
        this.#links.delete(link);
      });
    }
    client.on("end", () => server.end());
    server.on("end", () => client.end());
    client.on("data", (bytes) => this.#fromClient(link, bytes));
    server.on("data", (bytes) => this.#pass(client, bytes));
  }

  #fromClient(link: Link, bytes: Buffer): void {
    const text = bytes.toString("latin1");
    if (text.includes("LISTEN office_scheduler")) link.listens = true;
    const cut = this.#cut;
    if (cut === null || !COMMITS.test(text)) {
      this.#pass(link.server, bytes);
      return;
    }
    this.#cut = null;
    if (cut.where === "before") {
      destroy(link);
      cut.done();
      return;
    }
    // The answer is what does not get through.
    link.server.removeAllListeners("data");
    link.server.once("data", () => {
      destroy(link);
      cut.done();
    });
    link.server.write(bytes);
  }

  #pass(to: Socket, bytes: Buffer): void {
    if (this.#delayMs === 0) to.write(bytes);
    else setLongTimer(() => to.writable && to.write(bytes), this.#delayMs);
  }
}

function destroy({ client, server }: Link): void {
  client.destroy();
  server.destroy();
}
