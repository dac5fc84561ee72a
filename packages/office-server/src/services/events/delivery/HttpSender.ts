import { lookup } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import { Agent, buildConnector, type Dispatcher, request } from "undici";
import { wallClock } from "../../../platform/clock.ts";
import { setLongTimer } from "../../../platform/timers.ts";
import type { Step } from "./consumer.ts";
import { isPublicAddress } from "../publicAddress.ts";

export interface SenderOptions {
  /** Refuses to connect to anything but public addresses, whatever a name leads to at that moment. */
  publicOnly: boolean;
  /** Default 5 s. */
  connectTimeoutMs?: number | undefined;
  /** From the first step to the last byte of the answer. Default 15 s. */
  requestTimeoutMs?: number | undefined;
}

export interface Message {
  url: string;
  headers: Record<string, string>;
  body: string;
}

export interface Answer {
  status: number;
  /** Null: it does not say. */
  retryAfterMs: number | null;
  /** At most the first 64 KiB. */
  text: string;
}

/** Raised when there was no answer, with a reason that may be shown to whoever set the address. */
export class NoAnswer extends Error {
  override name = "NoAnswer";
}

const CONNECT_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 15_000;
const ANSWER_BYTES_MAX = 64 * 1024;
/** Longer than that nobody is stayed away from, whatever they say. */
const RETRY_AFTER_MS_MAX = 24 * 60 * 60 * 1_000;

/** Posts JSON to addresses that others chose: follows no redirect, waits for so long and reads so much at most. */
export class HttpSender {
  readonly #agent: Agent;
  readonly #requestTimeoutMs: number;

  constructor({ publicOnly, connectTimeoutMs, requestTimeoutMs }: SenderOptions) {
    this.#requestTimeoutMs = requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
    const timeout = connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
    const connect = buildConnector({ timeout, allowH2: false, ...(publicOnly && { lookup: lookUpPublic }) });
    this.#agent = new Agent({ connect: publicOnly ? guarded(connect) : connect });
  }

  /** @throws NoAnswer */
  async post({ url, headers, body }: Message, signal: AbortSignal): Promise<Answer> {
    const timeout = new AbortController();
    const timer = setLongTimer(() => timeout.abort(), this.#requestTimeoutMs);
    try {
      const response = await request(url, {
        dispatcher: this.#agent,
        method: "POST",
        headers: { "content-type": "application/json", "user-agent": "office-scheduler", ...headers },
        body,
        signal: AbortSignal.any([signal, timeout.signal]),
        headersTimeout: 0,
        bodyTimeout: 0,
      });
      const { statusCode: status } = response;
      const retryAfterMs = readRetryAfter(response.headers["retry-after"]);
      // What it has decided is known by now, whatever becomes of the rest.
      return { status, retryAfterMs, text: await readText(response.body).catch(() => "") };
    } catch (error) {
      const reason = timeout.signal.aborted
        ? `there was no answer within ${this.#requestTimeoutMs} ms`
        : reasonOf(error);
      throw new NoAnswer(reason, { cause: error });
    } finally {
      timer.cancel();
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}

/** What an answer means: only a status of success is one. `to` is where that brings the place. */
export function stepOf({ status, retryAfterMs, text }: Answer, to: number, { quoted }: { quoted: boolean }): Step {
  if (status >= 200 && status <= 299) return { kind: "delivered", to };
  const quote = quoted && text.trim() !== "" ? `: ${text.trim().slice(0, 200)}` : "";
  return { kind: "failed", error: `the answer was ${status}${quote}`, retryAfterMs };
}

/** A step that came to nothing, if that is why; what else happened is thrown on. */
export function stepWithoutAnswer(error: unknown): Step {
  if (error instanceof NoAnswer) return { kind: "failed", error: error.message, retryAfterMs: null };
  throw error;
}

/** An address that is written as numbers is looked up by nobody. */
const guarded =
  (connect: buildConnector.connector): buildConnector.connector =>
  (options, callback) => {
    const host = options.hostname.replace(/^\[(.*)\]$/, "$1");
    if (isIP(host) !== 0 && !isPublicAddress(host)) callback(new PrivateAddress(), null);
    else connect(options, callback);
  };

/** Leaves out what is not public. What is connected to is what was looked at here. */
const lookUpPublic: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) {
      callback(error, []);
      return;
    }
    const allowed = addresses.filter(({ address }) => isPublicAddress(address));
    const [first] = allowed;
    if (first === undefined) callback(new PrivateAddress(), []);
    else if (options.all === true) callback(null, allowed);
    else callback(null, first.address, first.family);
  });
};

class PrivateAddress extends Error {
  override name = "PrivateAddress";
  constructor() {
    super("its address is not a public one");
  }
}

async function readText(body: Dispatcher.ResponseData["body"]): Promise<string> {
  // Reading less than there is ends the connection, which it says as an error.
  body.on("error", ignore);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= ANSWER_BYTES_MAX) break;
  }
  return Buffer.concat(chunks).subarray(0, ANSWER_BYTES_MAX).toString("utf8");
}

const ignore = (): void => {};

/** Seconds, or a date. */
function readRetryAfter(header: string | string[] | undefined): number | null {
  if (typeof header !== "string") return null;
  const ms = /^\d{1,9}$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - wallClock().getTime();
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), RETRY_AFTER_MS_MAX) : null;
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "the connection was refused",
  ECONNRESET: "the connection was closed without an answer",
  EPIPE: "the connection was closed without an answer",
  UND_ERR_SOCKET: "the connection was closed without an answer",
  UND_ERR_CONNECT_TIMEOUT: "no connection could be made in time",
  ENOTFOUND: "there is no such host",
  EAI_AGAIN: "the host's name could not be looked up",
};

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code = "", message } = error as NodeJS.ErrnoException;
  return REASONS[code] ?? message;
}
