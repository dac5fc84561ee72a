import type { Database } from "../../db/connection.ts";
import { removeWorker, showWorker } from "../../db/workerRows.ts";
import type { Logger } from "../../platform/log.ts";
import { Repetition } from "../../platform/repetition.ts";

export interface WorkerPresenceOptions {
  database: Database;
  log: Logger;
  workerId: string;
  version: string;
}

const HEARTBEAT_MS = 5_000;

/** Lets everybody know that this worker is alive, for as long as it is. */
export class WorkerPresence {
  readonly #options: WorkerPresenceOptions;
  readonly #heartbeat = new Repetition(HEARTBEAT_MS, () => this.#beat());

  constructor(options: WorkerPresenceOptions) {
    this.#options = options;
  }

  /** Resolves when the worker can be seen. */
  async start(): Promise<void> {
    await this.#show();
    this.#heartbeat.start();
  }

  /** Removes what there is to be seen of the worker, if the database is there. */
  async stop(): Promise<void> {
    await this.#heartbeat.stop();
    const { database, workerId, log } = this.#options;
    await removeWorker(database, workerId).catch((error: unknown) => {
      log.warn({ err: error }, "the worker's row could not be removed; it counts no more after a while");
    });
  }

  #show(): Promise<void> {
    const { database, workerId: id, version } = this.#options;
    return showWorker(database, { id, version });
  }

  async #beat(): Promise<void> {
    try {
      await this.#show();
    } catch (error) {
      this.#options.log.warn({ err: error }, "no sign of life could be given");
    }
  }
}
