/** Follows an office's events many times over, in a process of its own, as followers are. Started by bench/api.ts. */
import { get, type IncomingMessage } from "node:http";
import { wallClock } from "office-server/platform/clock.ts";
import { percentile } from "./figures.ts";

/** What this process is told. */
export type FollowersRequest =
  | { kind: "follow"; url: string; token: string; count: number; measure: boolean }
  | { kind: "report" }
  | { kind: "leave" };

/** What it answers each time. */
export interface FollowersReport {
  /** Events that came to any of them, where they are measured. */
  received: number;
  /** From their timestamp on, in ms. */
  delayP99Ms: number;
}

let responses: IncomingMessage[] = [];
let delays: number[] = [];

process.on("message", (request: FollowersRequest) => void answer(request));

async function answer(request: FollowersRequest): Promise<void> {
  if (request.kind === "follow") await follow(request);
  if (request.kind === "leave") {
    for (const response of responses) response.destroy();
    responses = [];
  }
  const report: FollowersReport = { received: delays.length, delayP99Ms: percentile(delays, 0.99) };
  process.send?.(report);
}

async function follow({ url, token, count, measure }: Extract<FollowersRequest, { kind: "follow" }>): Promise<void> {
  delays = [];
  responses = await Promise.all(Array.from({ length: count }, () => open(url, token)));
  for (const response of responses) {
    if (measure) measureDelays(response);
    else response.resume();
  }
}

function open(url: string, token: string): Promise<IncomingMessage> {
  const options = { headers: { authorization: `Bearer ${token}` }, agent: false as const };
  return new Promise((resolve, reject) => {
    get(url, options, resolve).on("error", reject);
  });
}

function measureDelays(response: IncomingMessage): void {
  let rest = "";
  response.setEncoding("utf8").on("data", (text: string) => {
    const lines = `${rest}${text}`.split("\n");
    rest = lines.pop() ?? "";
    const now = wallClock().getTime();
    for (const line of lines) {
      const timestamp = /"timestamp":"([^"]+)"/.exec(line)?.[1];
      if (timestamp !== undefined) delays.push(now - Date.parse(timestamp));
    }
  });
}
