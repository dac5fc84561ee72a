import type { JobEvent } from "office-contract/events.ts";
import { Database } from "office-server/db/connection.ts";
import { Announcer } from "office-server/db/wakeups.ts";
import { createLogger } from "office-server/platform/log.ts";
import { EventHub, type EventHubOptions } from "office-server/services/events/EventHub.ts";
import type { EventPage } from "office-server/services/events/EventPage.ts";
import type { EventSink } from "office-server/services/events/LiveLog.ts";
import { onTestFinished } from "vitest";
import { setup } from "../../../../../test/support/scheduler.ts";
import type { TestOffice } from "../../../../../test/support/testOffice.ts";

/** One who follows: keeps what it gets, and can be told to take nothing more for a while. */
export class Follower implements EventSink {
  readonly events: JobEvent[] = [];
  readonly pages: EventPage[] = [];
  ended = false;
  #busy: { promise: Promise<void>; resolve: () => void } | null = null;
  readonly #waiting: { until: (follower: Follower) => boolean; resolve: () => void }[] = [];

  get seqs(): number[] {
    return this.events.map(({ seq }) => seq);
  }

  onEvents(page: EventPage): Promise<void> | undefined {
    this.pages.push(page);
    this.events.push(...page.events);
    this.#look();
    return this.#busy?.promise;
  }

  onEnd(): void {
    this.ended = true;
    this.#look();
  }

  hesitate(): void {
    this.#busy = Promise.withResolvers<void>();
  }

  goOn(): void {
    this.#busy?.resolve();
    this.#busy = null;
  }

  async when(until: (follower: Follower) => boolean): Promise<void> {
    if (until(this)) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ until, resolve });
    await promise;
  }

  whenSeq(seq: number): Promise<void> {
    return this.when(({ events }) => events.at(-1)?.seq === seq);
  }

  #look(): void {
    for (const { until, resolve } of this.#waiting) if (until(this)) resolve();
  }
}

/** Counts what it is asked, and refuses to answer when it is told to. */
class WatchedDatabase extends Database {
  readonly asked: string[] = [];
  refuses: ((name: string) => boolean) | null = null;

  override async query<Row extends Record<string, unknown>>(
    name: string,
    text: string,
    values?: unknown[],
  ): Promise<Row[]> {
    this.asked.push(name);
    if (this.refuses?.(name) === true) throw new Error("the database is away");
    return super.query<Row>(name, text, values);
  }
}

export async function setupHub(options: Partial<EventHubOptions> = {}) {
  const world = await setup();
  const office = await world.createOffice();
  const announcer = new Announcer(world.database, "another process");
  const watched = new WatchedDatabase({ ...world.database.options, connectionsMax: 4 });
  onTestFinished(() => watched.close());
  const hub = new EventHub({ database: watched, log: createLogger("silent"), tickIntervalMs: 0, ...options });
  onTestFinished(() => hub.stop());
  await hub.start();
  return {
    ...world,
    office,
    hub,
    watched,
    announce: (changed: TestOffice = office) => announcer.announce([changed.id]),
    async follow(after: number | null, followed: TestOffice = office): Promise<Follower & { leave: () => void }> {
      const follower = new Follower();
      const leave = hub.subscribe(followed.id, await hub.place(followed.id, after), follower);
      return Object.assign(follower, { leave });
    },
  };
}

export const upTo = (last: number, first = 1): number[] =>
  Array.from({ length: last - first + 1 }, (_, i) => first + i);
export const jobs = (count: number, name = "job") =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`${name}${index}`, {}]));
