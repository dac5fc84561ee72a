import { ensureConsumer, forgetConsumers, nextAttemptInMs } from "../../db/consumerRows.ts";
import { Database } from "../../db/connection.ts";
import { Listener } from "../../db/wakeups.ts";
import { monotonicMs } from "../../platform/clock.ts";
import type { Config } from "../../platform/config.ts";
import { newId } from "../../platform/ids.ts";
import type { Logger } from "../../platform/log.ts";
import { Repetition } from "../../platform/repetition.ts";
import { pause, setLongTimer, type Timer } from "../../platform/timers.ts";
import { DueTimers } from "../scheduler/DueTimers.ts";
import type { Consumer } from "./delivery/consumer.ts";
import { Lane } from "./delivery/Lane.ts";
import { SlackConsumer } from "./delivery/slackConsumer.ts";
import { SupabaseConsumer } from "./delivery/supabaseConsumer.ts";
import { WebhookConsumer } from "./delivery/webhookConsumer.ts";

export interface EventDeliveryOptions {
  /** Connections of its own are made to it. */
  database: Database;
  log: Logger;
  config: Pick<Config, "slackWebhookUrl" | "supabase" | "publicUrl" | "allowPrivateWebhooks" | "tickIntervalMs">;
  pacing?: DeliveryPacing;
}

/** In ms; what is left out is as it is meant to be. */
export interface DeliveryPacing {
  backoffBaseMs?: number;
  backoffMaxMs?: number;
  foldMs?: number;
  connectTimeoutMs?: number;
  requestTimeoutMs?: number;
  /** How long the end of the process waits for answers. */
  graceMs?: number;
}

const SECOND_MS = 1_000;
const HOUR_MS = 60 * 60 * SECOND_MS;
const BACKOFF_BASE_MS = SECOND_MS;
const GRACE_MS = 3 * SECOND_MS;
/** Apart from the scheduler's own, so that it never waits for these. */
const CONNECTIONS = 2;
/** Under load, changes are gathered for so long. */
const GATHER_MS = 50;
/** After a look there is a rest that is so many times as long. */
const RESTS = 10;
/** More offices than this are looked through as all. */
const OFFICES_MAX = 100;
/** In place of an office: all of them. */
const ALL = "all";

/**
 * Tells others of events: webhooks, Slack, Supabase Realtime. Any number of processes may do so at the same time: a place in
 * an office's log is leased to one of them, so each event goes out once, in order; and again after a crash, if need be.
 */
export class EventDelivery {
  readonly #options: EventDeliveryOptions;
  readonly #database: Database;
  readonly #listener: Listener;
  readonly #lanes: Lane[];
  readonly #kinds: string[];
  readonly #dueTimers = new DueTimers((officeId) => this.#wake(officeId));
  readonly #tick: Repetition | null;
  readonly #upkeep: Repetition;
  readonly #woken = new Set<string>();
  #resting: Timer | null = null;
  #isLooking = false;
  #looking: Promise<void> = Promise.resolve();
  #state: "new" | "running" | "stopped" = "new";

  constructor(options: EventDeliveryOptions) {
    this.#options = options;
    const { database, log, config, pacing = {} } = options;
    this.#database = new Database({ ...database.options, connectionsMax: CONNECTIONS });
    this.#listener = new Listener(database, newId(), (wakeup) =>
      this.#wake(wakeup.kind === "any" ? ALL : wakeup.officeId),
    );
    const consumers = createConsumers(this.#database, config, pacing);
    this.#kinds = consumers.map(({ kind }) => kind);
    const { backoffBaseMs = BACKOFF_BASE_MS, backoffMaxMs = HOUR_MS } = pacing;
    const shared = { database: this.#database, log, leasedBy: newId(), backoffBaseMs, backoffMaxMs };
    this.#lanes = consumers.map((consumer) => {
      const lane = { ...shared, consumer };
      return new Lane(lane, (officeId, delayMs) => this.#lookAgain(officeId ?? ALL, delayMs));
    });
    const { tickIntervalMs } = config;
    this.#tick = tickIntervalMs === 0 ? null : new Repetition(tickIntervalMs, () => this.#lookEverywhere());
    this.#upkeep = new Repetition(HOUR_MS, () => this.#keepUp());
  }

  /** Begins to deliver what is there, and from then on whatever comes. */
  async start(): Promise<void> {
    if (this.#state !== "new") return;
    this.#state = "running";
    await this.#ensureConsumers();
    await this.#listener.start();
    await this.#lookEverywhere();
    this.#tick?.start();
    this.#upkeep.start();
  }

  /** Sends nothing more, and waits a moment for answers. May be called twice. */
  async stop(): Promise<void> {
    if (this.#state === "stopped") return;
    this.#state = "stopped";
    this.#resting?.cancel();
    this.#dueTimers.cancelAll();
    await this.#listener.stop();
    await Promise.all([this.#tick?.stop(), this.#upkeep.stop(), this.#looking]);
    const graceEnds = pause(this.#options.pacing?.graceMs ?? GRACE_MS);
    await Promise.all(this.#lanes.map((lane) => lane.stop(graceEnds)));
    this.#dueTimers.cancelAll();
    await this.#database.close();
  }

  #lookAgain(officeId: string, delayMs: number): void {
    if (this.#state !== "running") return;
    if (delayMs === 0) this.#wake(officeId);
    else this.#dueTimers.set(officeId, delayMs);
  }

  #wake(officeId: string): void {
    this.#woken.add(officeId);
    if (this.#state !== "running" || this.#isLooking || this.#resting !== null) return;
    this.#looking = this.#lookAndRest();
  }

  async #lookAndRest(): Promise<void> {
    this.#isLooking = true;
    const startMs = monotonicMs();
    await this.#look();
    this.#isLooking = false;
    if (this.#state !== "running") return;
    this.#resting = setLongTimer(
      () => {
        this.#resting = null;
        const [officeId] = this.#woken;
        if (officeId !== undefined) this.#wake(officeId);
      },
      Math.max((monotonicMs() - startMs) * RESTS, GATHER_MS),
    );
  }

  async #look(): Promise<void> {
    const anywhere = this.#woken.has(ALL) || this.#woken.size > OFFICES_MAX;
    const officeIds = anywhere ? null : [...this.#woken];
    this.#woken.clear();
    try {
      await Promise.all(this.#lanes.map((lane) => lane.look(officeIds)));
    } catch (error) {
      this.#options.log.warn({ err: error }, "could not look for events to deliver, and will try again");
      this.#lookAgain(ALL, SECOND_MS);
    }
  }

  /** Also learns when an attempt is due that another process has put off. */
  async #lookEverywhere(): Promise<void> {
    this.#wake(ALL);
    await this.#looking;
    try {
      const dueInMs = await nextAttemptInMs(this.#database, this.#kinds);
      if (dueInMs !== null) this.#lookAgain(ALL, Math.max(dueInMs, 1));
    } catch (error) {
      this.#options.log.warn({ err: error }, "could not look for events to deliver, and will try again");
      this.#lookAgain(ALL, SECOND_MS);
    }
  }

  async #ensureConsumers(): Promise<void> {
    for (const kind of this.#kinds) if (kind !== "webhook") await ensureConsumer(this.#database, kind);
    await forgetConsumers(this.#database);
  }

  async #keepUp(): Promise<void> {
    try {
      await this.#ensureConsumers();
    } catch (error) {
      this.#options.log.warn({ err: error }, "could not say who is told of events, and will try again");
    }
  }
}

function createConsumers(
  database: Database,
  { slackWebhookUrl, supabase, publicUrl, allowPrivateWebhooks }: EventDeliveryOptions["config"],
  { connectTimeoutMs, requestTimeoutMs, foldMs }: DeliveryPacing,
): Consumer[] {
  // The operator's own addresses may be anywhere.
  const sender = { database, publicOnly: false, connectTimeoutMs, requestTimeoutMs };
  const consumers: Consumer[] = [new WebhookConsumer({ ...sender, publicUrl, publicOnly: !allowPrivateWebhooks })];
  if (slackWebhookUrl !== null) {
    consumers.push(new SlackConsumer({ ...sender, webhookUrl: slackWebhookUrl, publicUrl, foldMs }));
  }
  if (supabase !== null) consumers.push(new SupabaseConsumer({ ...sender, supabase }));
  return consumers;
}
