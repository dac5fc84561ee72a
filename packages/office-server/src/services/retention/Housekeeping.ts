import type { Database } from "../../db/connection.ts";
import type { JobPlace } from "../../db/transitions/deleteExpired.ts";
import type { Logger } from "../../platform/log.ts";
import { Repetition } from "../../platform/repetition.ts";
import { countFinishedJobs, deleteExpired } from "./deleteExpired.ts";
import { deleteExpiredFolders } from "./sessionFolders.ts";

export interface HousekeepingOptions {
  database: Database;
  log: Logger;
  /** Absolute. Where this machine's sessions are. */
  sessionsDirectory: string;
  /** How long what is finished is kept; 0: for ever. */
  retentionDays: number;
}

const COUNT_EVERY_MS = 60_000;
/** In rounds of counting; the first time with the first of them. */
const DELETE_EVERY = 10;
/** A day. In between, jobs that were passed over because they had not ended are not looked at again. */
const LOOK_AT_ALL_EVERY = 24 * 60;

/** What a worker does besides: counts what has finished, and deletes what has been kept for long enough. */
export class Housekeeping {
  readonly #options: HousekeepingOptions;
  readonly #places = new Map<string, JobPlace>();
  readonly #rounds = new Repetition(COUNT_EVERY_MS, () => this.#work());
  #round = 0;
  #stopped = false;

  constructor(options: HousekeepingOptions) {
    this.#options = options;
  }

  start(): void {
    this.#rounds.start();
  }

  /** Waits for the batch that is under way. May be called twice. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#rounds.stop();
  }

  async #work(): Promise<void> {
    const round = this.#round++;
    try {
      await countFinishedJobs(this.#options.database);
      if (round % LOOK_AT_ALL_EVERY === 0) this.#places.clear();
      if (round % DELETE_EVERY === 0) await this.#delete();
    } catch (error) {
      this.#options.log.warn({ err: error }, "housekeeping failed, and is tried again later");
    }
  }

  async #delete(): Promise<void> {
    const { database, log, sessionsDirectory, retentionDays: days } = this.#options;
    const stopped = (): boolean => this.#stopped;
    const deleted = await deleteExpired(database, { days, places: this.#places, stopped });
    const folders = await deleteExpiredFolders({ database, sessionsDirectory, days, stopped });
    if (deleted.jobs + deleted.events + deleted.answers + folders > 0) {
      log.info({ ...deleted, folders }, "what had been kept for long enough was deleted");
    }
  }
}
