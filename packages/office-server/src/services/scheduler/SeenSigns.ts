import { readFileSync, renameSync, writeFileSync } from "node:fs";
import type { WorkerSign } from "../../db/workerRows.ts";
import { currentBootId } from "../../platform/processIdentity.ts";

/** By worker: its last sign, and when it was first seen, in ms of the boot clock. */
type Seen = Readonly<Record<string, { sign: string; sinceMs: number }>>;

/** Within the folder of sessions. */
export const SIGNS_FILE = ".signs";

/**
 * The last sign of each worker, and when a worker of this machine first saw it. It is in a file that all of them share: who
 * has just been started goes on watching where another one has ended, and need not begin anew.
 */
export class SeenSigns {
  readonly #path: string;
  #seen: Seen = {};

  /** `path` is absolute. Its folder need not be there yet. */
  constructor(path: string) {
    this.#path = path;
  }

  /**
   * Takes note of what the workers' signs are now (`nowMs`, by the boot clock), and returns for how long each has been the
   * same, in ms. `onUnwritten` is told when that cannot be written down, which changes nothing else.
   */
  note(
    signs: readonly WorkerSign[],
    nowMs: number,
    onUnwritten: (error: unknown) => void,
  ): ReadonlyMap<string, number> {
    const written = this.#read();
    const since = ({ id, sign }: WorkerSign): number =>
      Math.min(...[this.#seen[id], written[id]].map((one) => (one?.sign === sign ? one.sinceMs : nowMs)));
    this.#seen = Object.fromEntries(signs.map((one) => [one.id, { sign: one.sign, sinceMs: since(one) }]));
    try {
      this.#write();
    } catch (error) {
      onUnwritten(error);
    }
    return new Map(Object.entries(this.#seen).map(([id, { sinceMs }]) => [id, nowMs - sinceMs]));
  }

  /** Nothing where there is none, or one of before the machine was booted. */
  #read(): Seen {
    try {
      const { bootId, seen } = JSON.parse(readFileSync(this.#path, "utf8")) as { bootId: string; seen: Seen };
      return bootId === currentBootId() ? seen : {};
    } catch {
      return {};
    }
  }

  #write(): void {
    const draft = `${this.#path}.${process.pid}`;
    writeFileSync(draft, JSON.stringify({ bootId: currentBootId(), seen: this.#seen }), { mode: 0o600 });
    renameSync(draft, this.#path);
  }
}
