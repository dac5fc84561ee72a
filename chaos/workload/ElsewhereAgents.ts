import { type ApiClient, ApiError } from "office-contract/api/client.ts";
import type { JobEvent } from "office-contract/events.ts";
import { bootTimeMs } from "office-server/platform/clock.ts";
import { pause } from "office-server/platform/timers.ts";
import type { HistoryWriter } from "../history/HistoryWriter.ts";
import type { SessionRecord } from "../history/records.ts";
import type { Random } from "../random.ts";
import { Client } from "./Client.ts";
import { LEASE_MS } from "./plans.ts";

const TOKEN_MS_MAX = 3_000;
const AGAIN_MS = 200;
/** An agent that is not sure of its lease any more ends by itself before it is over. */
const LEASE_MARGIN_MS = 2_000;

/**
 * Agents that another service runs: told by events, they report with their execution's token; twice, late, in any order, and
 * about what is over. Each keeps a record of its own life.
 */
export class ElsewhereAgents {
  readonly sessions: SessionRecord[] = [];
  readonly #api: ApiClient;
  readonly #clientOf: (token: string) => ApiClient;
  readonly #history: HistoryWriter;
  readonly #random: Random;
  /** Reports that are held back, to come late and in another order. */
  readonly #late: (() => Promise<unknown>)[] = [];
  readonly #running = new Set<Promise<void>>();
  #stopping = false;

  constructor(api: ApiClient, clientOf: (token: string) => ApiClient, history: HistoryWriter, random: Random) {
    this.#api = api;
    this.#clientOf = clientOf;
    this.#history = history;
    this.#random = random;
  }

  /** An external job has been started. */
  run(event: JobEvent): void {
    const run = this.#run(event).finally(() => this.#running.delete(run));
    this.#running.add(run);
  }

  /** Sends what was held back, and waits for all agents to end. */
  async finish(): Promise<void> {
    this.#stopping = true;
    while (this.#running.size > 0) await Promise.all(this.#running);
    for (const send of this.#late.splice(0)) await send();
  }

  async #run(event: JobEvent): Promise<void> {
    const { execution_id: executionId, office_id: officeId } = event;
    if (executionId === null) return;
    const token = await this.#tokenOf(executionId);
    if (token === null) return;
    const client = new Client(this.#clientOf(token), this.#history);
    // The lease counts from the claim; all that is known of that is that it was before now. The first heartbeat tells.
    const sentMs = bootTimeMs();
    const beat = await client.call("heartbeatExecution", officeId, { params: { executionId } });
    if (beat.outcome !== "ok" || beat.answer.stop !== null) return;
    const session = recordOf(event, executionId);
    this.sessions.push(session);
    await pause(this.#random.chance(0.9) ? this.#random.between(0, 100) : this.#random.between(500, 3_000));
    session.aliveMs = bootTimeMs();
    session.exited = true;
    const success = this.#random.chance(0.9);
    const report = (said: boolean) =>
      client.call("completeExecution", officeId, {
        params: { executionId },
        body: said ? { success: true, result: { attempt: event.attempt } } : { success: false, error: FAILED },
      });
    while ((await report(success)).outcome === "unknown") {
      if (bootTimeMs() > sentMs + LEASE_MS - LEASE_MARGIN_MS) break;
      await pause(AGAIN_MS);
    }
    if (this.#random.chance(0.2)) await report(success);
    if (this.#random.chance(0.1)) await report(!success);
    if (this.#random.chance(0.1)) this.#late.push(() => report(this.#random.chance(0.5)));
    if (this.#late.length > 20 && !this.#stopping) await this.#late.splice(this.#random.between(0, 19), 1)[0]?.();
  }

  /** Null when the execution is over already, or nobody answers for so long that it will be. */
  async #tokenOf(executionId: string): Promise<string | null> {
    const untilMs = bootTimeMs() + TOKEN_MS_MAX;
    while (bootTimeMs() < untilMs) {
      try {
        const signal = AbortSignal.timeout(TOKEN_MS_MAX);
        const { execution_token: token } = await this.#api.call(
          "createExecutionToken",
          { params: { executionId } },
          signal,
        );
        return token;
      } catch (error) {
        if (error instanceof ApiError && error.problem.status < 500) return null;
        await pause(AGAIN_MS);
      }
    }
    return null;
  }
}

const FAILED = { class: "NETWORK_ERROR", message: "it did not work out" } as const;

const recordOf = (event: JobEvent, executionId: string): SessionRecord => {
  const nowMs = bootTimeMs();
  return {
    executionId,
    jobId: event.job_id,
    officeId: event.office_id,
    role: event.role,
    // Whoever runs sessions elsewhere sees the attempt, and not the token.
    token: BigInt(event.attempt ?? 0),
    attempt: event.attempt ?? 0,
    external: true,
    startMs: nowMs,
    aliveMs: nowMs,
    termMs: null,
    exited: false,
  };
};
