import type { EventType } from "office-contract/vocabulary.ts";
import type { Database } from "office-server/db/connection.ts";
import { type WebhookRow, webhookById } from "office-server/db/queries/webhooks.ts";
import { Announcer } from "office-server/db/wakeups.ts";
import { createLogger } from "office-server/platform/log.ts";
import { EventDelivery, type EventDeliveryOptions } from "office-server/services/events/EventDelivery.ts";
import { addWebhook } from "office-server/services/events/webhooks.ts";
import { onTestFinished } from "vitest";
import { setup, sql } from "../../../../../test/support/scheduler.ts";
import type { TestOffice } from "../../../../../test/support/testOffice.ts";

type DeliveryConfig = Partial<EventDeliveryOptions["config"]>;
type Pacing = NonNullable<EventDeliveryOptions["pacing"]>;

export const PUBLIC_URL = "http://office.example:3001";

/** A database with processes that tell others of events. They wait for next to nothing, unless a test says otherwise. */
export async function setupDelivery() {
  const world = await setup();
  const announcer = new Announcer(world.database, "another process");
  const log: string[] = [];
  const waiting: { text: string; resolve: () => void }[] = [];
  const write = (line: string): void => {
    log.push(line);
    for (const { text, resolve } of waiting) if (line.includes(text)) resolve();
  };

  return {
    ...world,
    /** Resolves when a line with this text has been logged. */
    async whenLogged(text: string): Promise<void> {
      if (log.some((line) => line.includes(text))) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.push({ text, resolve });
      await promise;
    },
    /** What the processes have logged, a JSON object each. */
    log,
    async startDelivery(config: DeliveryConfig = {}, pacing: Pacing = {}): Promise<EventDelivery> {
      const delivery = new EventDelivery({
        database: world.database,
        log: createLogger("debug", { write }),
        config: {
          slackWebhookUrl: null,
          supabase: null,
          publicUrl: PUBLIC_URL,
          allowPrivateWebhooks: true,
          tickIntervalMs: 0,
          ...config,
        },
        pacing: { backoffBaseMs: 1, backoffMaxMs: 1, foldMs: 1, requestTimeoutMs: 5_000, ...pacing },
      });
      onTestFinished(() => delivery.stop());
      await delivery.start();
      return delivery;
    },
    /** Lets the processes know that an office has changed, as a worker does after its commit. */
    announce(office: TestOffice): void {
      announcer.announce([office.id]);
    },
    async addWebhook(
      office: TestOffice,
      url: string,
      { events = [] as EventType[], execution_tokens: tokens = false } = {},
    ): Promise<WebhookRow & { secret: string }> {
      const guard = { allowPrivateWebhooks: true };
      const { webhook, secret } = await addWebhook(
        world.database,
        office.id,
        { url, events, execution_tokens: tokens },
        guard,
      );
      return { ...webhook, secret };
    },
  };
}

/** A webhook as it is now. */
export async function webhookNow(database: Database, { office_id: officeId, id }: WebhookRow): Promise<WebhookRow> {
  const webhook = await webhookById(database, officeId, id);
  if (webhook === null) throw new Error(`there is no webhook ${id}`);
  return webhook;
}

export interface CursorRow extends Record<string, unknown> {
  seq: string;
  failures: number;
  last_error: string | null;
  leased_by: string | null;
  retry_in_s: number | null;
}

export async function cursorOf(office: TestOffice, consumerId: string): Promise<CursorRow> {
  const [row] = await sql<CursorRow>(
    office,
    `SELECT seq, failures, last_error, leased_by, extract(epoch FROM retry_at - scheduler_now())::float8 AS retry_in_s
     FROM scheduler_cursors WHERE consumer_id = $1 AND office_id = $2`,
    [consumerId, office.id],
  );
  if (row === undefined) throw new Error(`${consumerId} has no place in the log`);
  return row;
}
