import type { Database } from "../../db/connection.ts";
import { officesWithLosses } from "../../db/queries/liveExecutions.ts";
import { declareLost, type WorkerSign, workerSigns } from "../../db/workerRows.ts";
import { bootTimeMs } from "../../platform/clock.ts";
import type { Logger } from "../../platform/log.ts";
import { Repetition } from "../../platform/repetition.ts";
import { SeenSigns } from "./SeenSigns.ts";
import { settleLosses } from "./workerLosses.ts";

export interface ReaperOptions {
  database: Database;
  log: Logger;
  /** Between two looks, in ms. */
  everyMs: number;
  /** A job under which so many workers were lost is not run again by itself. */
  lossesMax: number;
  /** The worker's own. Who cannot be sure of it does not judge others. */
  lease: { readonly workerId: string; readonly heldForMs: number };
  /** Held for so long, in ms, that all others have had the time for a sign of life since the database was back. */
  heldForMsMin: number;
  /** Where the workers of this machine note what they see of others: see SeenSigns. */
  signsPath: string;
  /** Called when jobs of an office are free again. */
  onFreed: (officeId: string) => void;
}

/**
 * Declares workers lost that have given no sign of life for the length of their lease, and frees their jobs.
 *
 * How long a worker has been silent is measured on this machine, on a clock that only goes forward, from when its last sign was
 * first seen (as Kubernetes' leader election does it, client-go tools/leaderelection): by then its sessions' hosts, which count
 * from before the sign was sent, have ended what ran. The database's clock may make a step, and has no say.
 */
export class Reaper {
  readonly #options: ReaperOptions;
  readonly #repetition: Repetition;
  readonly #seen: SeenSigns;

  constructor(options: ReaperOptions) {
    this.#options = options;
    this.#seen = new SeenSigns(options.signsPath);
    this.#repetition = new Repetition(options.everyMs, () => this.look());
  }

  /** The first look is at once, since from then on others' silence is measured. */
  start(): void {
    this.#repetition.startNow();
  }

  stop(): Promise<void> {
    return this.#repetition.stop();
  }

  /** One look: at who is silent, and at what those hold that are lost. Never rejects. */
  async look(): Promise<void> {
    const { database, log, lease, heldForMsMin } = this.#options;
    try {
      const silent = this.#observe(await workerSigns(database));
      if (lease.heldForMs < heldForMsMin) return;
      for (const worker of silent) {
        if (!(await declareLost(database, worker))) continue;
        log.warn(
          { lost_worker: worker.id },
          "a worker has been silent for longer than its lease, and is declared lost",
        );
      }
      const officeIds = await officesWithLosses(database);
      await Promise.all(officeIds.map((officeId) => this.#free(officeId)));
    } catch (error) {
      log.warn({ err: error }, "could not look for lost workers");
    }
  }

  /** An office that is held by somebody holds up no other. */
  async #free(officeId: string): Promise<void> {
    const { database, log, lossesMax, lease, onFreed } = this.#options;
    try {
      const freed = await settleLosses(database, { officeId, workerId: lease.workerId, lossesMax });
      if (freed === 0) return;
      log.warn({ office_id: officeId, executions: freed }, "executions of lost workers were put on record");
      onFreed(officeId);
    } catch (error) {
      log.warn({ err: error, office_id: officeId }, "executions of lost workers have to wait");
    }
  }

  /** Returns those that have been silent for the length of their lease. */
  #observe(signs: readonly WorkerSign[]): WorkerSign[] {
    const { log } = this.#options;
    const silentMs = this.#seen.note(signs, bootTimeMs(), (error) => {
      log.debug({ err: error }, "what was seen of other workers cannot be written down: this worker alone knows it");
    });
    return signs.filter(({ id, lease_ms: leaseMs }) => (silentMs.get(id) ?? 0) >= leaseMs);
  }
}
