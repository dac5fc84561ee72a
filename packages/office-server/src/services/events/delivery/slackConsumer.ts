import type { JobEvent } from "office-contract/events.ts";
import type { Place } from "../../../db/consumerRows.ts";
import type { Database } from "../../../db/connection.ts";
import { nextEvents, officeName, outputTail, toldJobs } from "../../../db/queries/toldEvents.ts";
import { printableLine } from "../../session/tailLines.ts";
import type { Consumer, Step } from "./consumer.ts";
import { HttpSender, type SenderOptions, stepOf, stepWithoutAnswer } from "./HttpSender.ts";
import { ALERTING, LISTED_JOBS_MAX, manyAlerts, oneAlert, type SlackMessage } from "./slackMessage.ts";

export interface SlackConsumerOptions extends SenderOptions {
  database: Database;
  webhookUrl: string;
  /** Where the API is reached, without a slash at its end. */
  publicUrl: string;
  /** What fails within so long after a message goes into one other message. Default 10 s. */
  foldMs?: number | undefined;
}

const SLOTS = 10;
const FOLD_MS = 10_000;
/** One message may tell of so many. */
const ALERTS_MAX = 1_000;
const LAST_LINES = 10;
const BAD_REQUEST = 400;
const TAIL_BYTES = 16 * 1024;

/** Tells people in Slack of jobs that failed or timed out for good. */
export class SlackConsumer implements Consumer {
  readonly kind = "slack";
  readonly types = ALERTING;
  readonly slots = SLOTS;
  readonly givesUp = false;
  readonly #options: SlackConsumerOptions;
  readonly #sender: HttpSender;

  constructor(options: SlackConsumerOptions) {
    this.#options = options;
    this.#sender = new HttpSender(options);
  }

  async deliver({ seq: after, office_id: officeId }: Place, signal: AbortSignal): Promise<Step> {
    const { database, webhookUrl: url, foldMs: restMs = FOLD_MS } = this.#options;
    const { events, upTo } = await nextEvents(database, officeId, { after, types: this.types, limit: ALERTS_MAX });
    if (events.length === 0) return upTo > after ? { kind: "delivered", to: upTo } : { kind: "nothing" };
    const { text, blocks } = await this.#message(officeId, events);
    const post = (message: object) => this.#sender.post({ url, headers: {}, body: JSON.stringify(message) }, signal);
    try {
      let answer = await post({ text, blocks });
      // Half of it is better than none for ever.
      if (answer.status === BAD_REQUEST) answer = await post({ text });
      const step = stepOf(answer, upTo, { quoted: true });
      return step.kind === "delivered" ? { ...step, restMs } : step;
    } catch (error) {
      return stepWithoutAnswer(error);
    }
  }

  close(): Promise<void> {
    return this.#sender.close();
  }

  async #message(officeId: string, events: readonly JobEvent[]): Promise<SlackMessage> {
    const { database, publicUrl } = this.#options;
    const office = { id: officeId, name: (await officeName(database, officeId)) ?? officeId, publicUrl };
    const jobs = await toldJobs(
      database,
      events.slice(0, LISTED_JOBS_MAX).map(({ job_id: id }) => id),
    );
    const [event] = events;
    if (event === undefined || events.length > 1) return manyAlerts(office, events, jobs);
    return oneAlert(office, { event, job: jobs[0] ?? null }, await this.#lastLines(event));
  }

  async #lastLines({ execution_id: executionId }: JobEvent): Promise<string[]> {
    if (executionId === null) return [];
    const tail = await outputTail(this.#options.database, executionId, TAIL_BYTES);
    const lines = tail.toString("utf8").split("\n");
    // The first one was cut by where reading began; the last one is empty when the output ends with a newline.
    if (tail.length === TAIL_BYTES && lines.length > 1) lines.shift();
    if (lines.at(-1)?.trim() === "") lines.pop();
    return lines.slice(-LAST_LINES).map(printableLine);
  }
}
