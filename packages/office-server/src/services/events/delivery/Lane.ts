import {
  advancePlace,
  leasePlaces,
  type Place,
  recordFailure,
  releasePlace,
  switchConsumer,
} from "../../../db/consumerRows.ts";
import type { Database } from "../../../db/connection.ts";
import { retryDelayMs } from "../../../domain/retryPolicy.ts";
import type { Logger } from "../../../platform/log.ts";
import { randomFraction } from "../../../platform/random.ts";
import type { Consumer, Step } from "./consumer.ts";

export interface LaneOptions {
  consumer: Consumer;
  database: Database;
  log: Logger;
  /** Names this process among those that deliver. */
  leasedBy: string;
  /** The wait after the first failure, and the longest one, in ms. */
  backoffBaseMs: number;
  backoffMaxMs: number;
}

/** What a lane tells: look again, in an office or (null) in all, in `delayMs`. */
type LookAgain = (officeId: string | null, delayMs: number) => void;

/** After so many steps in one go a place makes room for others. */
const STEPS_MAX = 100;
const GIVES_UP_AFTER_MS = 5 * 24 * 60 * 60 * 1_000;
const AFTER_TROUBLE_MS = 1_000;

/**
 * Delivers to the consumers of one kind, from several places at a time. Each place has its own order, pace and failures;
 * those that have failed last have slots of their own, half as many, so that they keep nobody else waiting.
 */
export class Lane {
  readonly #options: LaneOptions;
  readonly #lookAgain: LookAgain;
  readonly #running = new Map<Promise<void>, Place>();
  readonly #abort = new AbortController();
  #stopped = false;
  /** There may be places that found no free slot. */
  #isFull = false;

  constructor(options: LaneOptions, lookAgain: LookAgain) {
    this.#options = options;
    this.#lookAgain = lookAgain;
  }

  /** Begins to deliver wherever there is something to deliver, in some offices or (null) in all. */
  async look(officeIds: readonly string[] | null): Promise<void> {
    const { consumer, database, leasedBy } = this.#options;
    const { kind, types, slots } = consumer;
    const running = [...this.#running.values()];
    const failing = running.filter(({ failures }) => failures > 0).length;
    const soundMax = Math.max(slots - (running.length - failing), 0);
    const failingMax = Math.max(slots / 2 - failing, 0);
    if (this.#stopped) return;
    const leased = await leasePlaces(database, { kind, types, officeIds, leasedBy, soundMax, failingMax });
    const leasedFailing = leased.filter(({ failures }) => failures > 0).length;
    this.#isFull = leasedFailing === failingMax || leased.length - leasedFailing === soundMax;
    for (const place of leased) this.#start(place);
  }

  /** Waits for what is under way; what takes longer than `graceEnds` is cut off, and sent again by another process. */
  async stop(graceEnds: Promise<void>): Promise<void> {
    this.#stopped = true;
    void graceEnds.then(() => this.#abort.abort());
    await Promise.all(this.#running.keys());
    await this.#options.consumer.close();
  }

  #start(place: Place): void {
    const run = this.#run(place).finally(() => {
      this.#running.delete(run);
      // What came while the place was leased was told to nobody.
      this.#lookAgain(this.#isFull ? null : place.office_id, 0);
    });
    this.#running.set(run, place);
  }

  async #run(place: Place): Promise<void> {
    const { consumer, database, log, leasedBy } = this.#options;
    try {
      for (let steps = 0; steps < STEPS_MAX && !this.#stopped; steps += 1) {
        const step = await consumer.deliver(place, this.#abort.signal);
        if (!(await this.#record(place, step))) return;
      }
      await releasePlace(database, place, leasedBy);
    } catch (error) {
      if (!this.#abort.signal.aborted)
        log.warn({ err: error, ...namesOf(place) }, "could not deliver, and will try again");
      await releasePlace(database, place, leasedBy).catch(ignore);
      this.#lookAgain(place.office_id, AFTER_TROUBLE_MS);
    }
  }

  /** Puts on record what became of a step. Returns whether the place is still leased, and there may be more. */
  async #record(place: Place, step: Step): Promise<boolean> {
    const { database, leasedBy, log } = this.#options;
    switch (step.kind) {
      case "nothing":
        await releasePlace(database, place, leasedBy);
        return false;
      case "delivered": {
        const { to, restMs = 0 } = step;
        if (!(await advancePlace(database, place, { to, leasedBy, restMs }))) return false;
        place.seq = to;
        place.failures = 0;
        if (restMs === 0) return true;
        await releasePlace(database, place, leasedBy);
        this.#lookAgain(place.office_id, restMs);
        return false;
      }
      case "failed":
        await this.#fail(place, step);
        return false;
      case "refused":
        await switchConsumer(database, place.consumer_id, { enabled: false, error: step.error });
        await releasePlace(database, place, leasedBy);
        log.warn({ ...namesOf(place), reason: step.error }, "a consumer of events wants no more, and is switched off");
        return false;
    }
  }

  async #fail(place: Place, { error, retryAfterMs }: { error: string; retryAfterMs: number | null }): Promise<void> {
    const { consumer, database, leasedBy, log, backoffBaseMs, backoffMaxMs } = this.#options;
    if (this.#abort.signal.aborted) {
      await releasePlace(database, place, leasedBy);
      return;
    }
    const backoff = {
      retryBackoff: "exponential",
      retryBaseDelay: backoffBaseMs,
      retryMaxDelay: backoffMaxMs,
    } as const;
    const waitMs = retryDelayMs({ ...backoff, retryJitter: true }, place.failures + 1, randomFraction());
    const delayMs = Math.max(waitMs, retryAfterMs ?? 0);
    const failingMs = await recordFailure(database, place, { leasedBy, error, delayMs });
    if (failingMs === null) return;
    if (consumer.givesUp && failingMs >= GIVES_UP_AFTER_MS) {
      await switchConsumer(database, place.consumer_id, { enabled: false });
      log.warn({ ...namesOf(place), reason: error }, "a consumer of events has failed for days, and is switched off");
      return;
    }
    const level = place.failures === 0 ? "warn" : "debug";
    log[level](
      { ...namesOf(place), reason: error, delay_ms: delayMs },
      "events could not be delivered, and will be later",
    );
    this.#lookAgain(place.office_id, delayMs);
  }
}

const namesOf = ({ consumer_id: consumer, office_id: office }: Place) => ({ consumer, office_id: office });

const ignore = (): void => {};
