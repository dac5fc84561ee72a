import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Registry } from "prom-client";
import { ListenError } from "../services/processStart.ts";
import type { HealthReport } from "./health.ts";

export interface HealthServerOptions {
  host: string;
  /** 0: any free one. */
  port: number;
  report: () => Promise<HealthReport>;
  metrics: Registry;
}

const OK = 200;
const NOT_FOUND = 404;
const NOT_ALLOWED = 405;
const UNAVAILABLE = 503;
const JSON_TYPE = "application/json; charset=utf-8";

/** Tells supervisors and Prometheus how a worker is: GET /health, /ready, /metrics. It needs no key and changes nothing. */
export class HealthServer {
  readonly #options: HealthServerOptions;
  readonly #server: Server;

  constructor(options: HealthServerOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
  }

  /**
   * Listens. Returns its address.
   *
   * @throws ListenError
   */
  start(): Promise<string> {
    const { host, port } = this.#options;
    return new Promise((resolve, reject) => {
      this.#server.once("error", ({ code = "", message }: NodeJS.ErrnoException) => {
        const taken = code === "EADDRINUSE" ? `port ${port} is taken` : message;
        reject(
          new ListenError(`the worker's health cannot be served: ${taken}; SCHEDULER_PORT says where (0: any port)`),
        );
      });
      this.#server.listen({ host, port }, () => {
        const { port: actual } = this.#server.address() as AddressInfo;
        resolve(`http://${host.includes(":") ? `[${host}]` : host}:${actual}`);
      });
    });
  }

  /** May be called twice, or before `start`. */
  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  async #answer({ method = "", url = "" }: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader("Cache-Control", "no-store");
    response.setHeader("X-Content-Type-Options", "nosniff");
    if (method !== "GET" && method !== "HEAD") {
      response.setHeader("Allow", "GET, HEAD");
      send(response, NOT_ALLOWED, "only GET is answered here");
      return;
    }
    switch (url.replace(/\?.*$/s, "")) {
      case "/health": {
        const report = await this.#options.report();
        sendJson(response, report.status === "failing" ? UNAVAILABLE : OK, report);
        return;
      }
      case "/ready": {
        const report = await this.#options.report();
        sendJson(response, report.status === "ok" ? OK : UNAVAILABLE, report);
        return;
      }
      case "/metrics":
        response.setHeader("Content-Type", this.#options.metrics.contentType);
        response.writeHead(OK).end(await this.#options.metrics.metrics());
        return;
      default:
        send(response, NOT_FOUND, "there are /health, /ready and /metrics here");
    }
  }
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { "Content-Type": JSON_TYPE }).end(`${JSON.stringify(value)}\n`);
}

function send(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "Content-Type": "text/plain; charset=utf-8" }).end(`${text}\n`);
}
