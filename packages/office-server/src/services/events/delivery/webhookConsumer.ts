import type { JobEvent } from "office-contract/events.ts";
import { Webhook } from "standardwebhooks";
import type { Place } from "../../../db/consumerRows.ts";
import type { Database } from "../../../db/connection.ts";
import { externalSession, nextEvents, officeName, toldJobs } from "../../../db/queries/toldEvents.ts";
import { type WebhookTarget, webhookTarget } from "../../../db/queries/webhooks.ts";
import { wallClock } from "../../../platform/clock.ts";
import { issueExecutionToken } from "../../executions/tokens.ts";
import type { Consumer, Step } from "./consumer.ts";
import { HttpSender, type SenderOptions, stepOf, stepWithoutAnswer } from "./HttpSender.ts";

export interface WebhookConsumerOptions extends SenderOptions {
  database: Database;
  /** Where the API is reached, without a slash at its end. */
  publicUrl: string;
}

/** Each has its own; so many hang at the same time before others wait. */
const SLOTS = 50;
const GONE = 410;

/** Delivers to the addresses that users have set: each event by itself, signed as Standard Webhooks says. */
export class WebhookConsumer implements Consumer {
  readonly kind = "webhook";
  readonly types = [];
  readonly slots = SLOTS;
  readonly givesUp = true;
  readonly #options: WebhookConsumerOptions;
  readonly #sender: HttpSender;

  constructor(options: WebhookConsumerOptions) {
    this.#options = options;
    this.#sender = new HttpSender(options);
  }

  async deliver(place: Place, signal: AbortSignal): Promise<Step> {
    const { database } = this.#options;
    const target = await webhookTarget(database, place.consumer_id);
    if (target === null) return { kind: "nothing" };
    const { seq: after, office_id: officeId } = place;
    const { events, upTo } = await nextEvents(database, officeId, { after, types: target.events, limit: 1 });
    const [event] = events;
    if (event === undefined) return upTo > after ? { kind: "delivered", to: upTo } : { kind: "nothing" };
    const body = JSON.stringify(await this.#message(target, event));
    const headers = signedHeaders(target, event, body);
    try {
      const answer = await this.#sender.post({ url: target.url, headers, body }, signal);
      if (answer.status === GONE)
        return { kind: "refused", error: "the answer was 410: nobody wants to be told there" };
      // What a stranger answers is not shown to others.
      return stepOf(answer, event.seq, { quoted: false });
    } catch (error) {
      return stepWithoutAnswer(error);
    }
  }

  close(): Promise<void> {
    return this.#sender.close();
  }

  async #message(target: WebhookTarget, event: JobEvent): Promise<object> {
    const { database } = this.#options;
    const [job] = await toldJobs(database, [event.job_id]);
    const office = { id: event.office_id, name: await officeName(database, event.office_id) };
    const session = target.execution_tokens ? await this.#session(event) : {};
    return {
      type: event.type,
      timestamp: event.timestamp,
      data: { ...event, job: job ?? null, office, ...session },
    };
  }

  /** What a service needs that runs the session of an execution which has just begun. */
  async #session({ type, execution_id: executionId }: JobEvent): Promise<object> {
    if (type !== "job_started" || executionId === null) return {};
    const { database, publicUrl } = this.#options;
    const session = await externalSession(database, executionId);
    if (session === null) return {};
    const address = `${publicUrl}/api/executions/${executionId}`;
    return {
      session,
      execution_token: await issueExecutionToken(database, executionId),
      complete_url: `${address}/complete`,
      heartbeat_url: `${address}/heartbeat`,
    };
  }
}

/** The same id for the same event, however often it is sent. */
function signedHeaders({ id, secret }: WebhookTarget, { seq }: JobEvent, body: string): Record<string, string> {
  const messageId = `evt_${id.replaceAll("-", "")}_${seq}`;
  const sentAt = wallClock();
  return {
    "webhook-id": messageId,
    "webhook-timestamp": String(Math.floor(sentAt.getTime() / 1_000)),
    "webhook-signature": new Webhook(secret).sign(messageId, sentAt, body),
  };
}
