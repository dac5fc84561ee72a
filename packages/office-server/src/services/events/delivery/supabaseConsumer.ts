import type { Place } from "../../../db/consumerRows.ts";
import type { Database } from "../../../db/connection.ts";
import { nextEvents } from "../../../db/queries/toldEvents.ts";
import type { Consumer, Step } from "./consumer.ts";
import { HttpSender, type SenderOptions, stepOf, stepWithoutAnswer } from "./HttpSender.ts";

export interface SupabaseConsumerOptions extends SenderOptions {
  database: Database;
  supabase: { url: string; serviceRoleKey: string };
}

const SLOTS = 10;
const BATCH = 100;

/** Broadcasts events through Supabase Realtime: channel `office:<id>`, one message an event, named as its type. */
export class SupabaseConsumer implements Consumer {
  readonly kind = "supabase";
  readonly types = [];
  readonly slots = SLOTS;
  readonly givesUp = false;
  readonly #options: SupabaseConsumerOptions;
  readonly #sender: HttpSender;

  constructor(options: SupabaseConsumerOptions) {
    this.#options = options;
    this.#sender = new HttpSender(options);
  }

  async deliver({ seq: after, office_id: officeId, failures }: Place, signal: AbortSignal): Promise<Step> {
    const { database, supabase } = this.#options;
    // A batch that is larger than what a project may send in a second is refused however often it is tried.
    const limit = Math.max(BATCH >> Math.min(failures, 30), 1);
    const { events, upTo } = await nextEvents(database, officeId, { after, types: this.types, limit });
    if (events.length === 0) return upTo > after ? { kind: "delivered", to: upTo } : { kind: "nothing" };
    const topic = `office:${officeId}`;
    const messages = events.map((event) => ({ topic, event: event.type, payload: event, private: true }));
    const message = {
      url: `${supabase.url}/realtime/v1/api/broadcast`,
      headers: { apikey: supabase.serviceRoleKey, authorization: `Bearer ${supabase.serviceRoleKey}` },
      body: JSON.stringify({ messages }),
    };
    try {
      return stepOf(await this.#sender.post(message, signal), upTo, { quoted: true });
    } catch (error) {
      return stepWithoutAnswer(error);
    }
  }

  close(): Promise<void> {
    return this.#sender.close();
  }
}
