import { bootTimeMs } from "office-server/platform/clock.ts";
import { pause } from "office-server/platform/timers.ts";
import type { World } from "../world/World.ts";

const LOOK_AGAIN_MS = 100;
const PATIENCE_MS = 120_000;

/** Measures how long it takes until things are well again. In ms. */
export class Rescues {
  /** From the death of a worker until its sessions are another one's, or on record. */
  readonly takenOver: number[] = [];
  /** From the death of a machine until what ran there is free to run elsewhere. */
  readonly rescued: number[] = [];
  /** From when the database takes connections again until something is started. */
  readonly backToWork: number[] = [];
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  /** The executions that a worker process holds. */
  async heldBy(pid: number): Promise<string[]> {
    const rows = await this.#world.database.query<{ id: string }>(
      "held_by",
      "SELECT id FROM job_executions WHERE ended_at IS NULL AND lease_ms IS NULL AND worker_id LIKE '%/' || $1::text || '/%'",
      [pid],
    );
    return rows.map(({ id }) => id);
  }

  /** Waits until executions are no longer of the process that held them, and notes how long that took since `sinceMs`. */
  async watch(held: readonly string[], pid: number, sinceMs: number, into: number[]): Promise<void> {
    if (held.length === 0) return;
    while (bootTimeMs() < sinceMs + PATIENCE_MS) {
      const left = await this.heldBy(pid).catch(() => held);
      if (!held.some((id) => left.includes(id))) {
        into.push(bootTimeMs() - sinceMs);
        return;
      }
      await pause(LOOK_AGAIN_MS);
    }
    into.push(Infinity);
  }

  /** Waits until the database is there, and then until something is started. */
  async watchDatabase(whenStarted: () => Promise<void>): Promise<void> {
    for (;;) {
      try {
        await this.#world.database.query("", "SELECT 1");
        break;
      } catch {
        await pause(LOOK_AGAIN_MS);
      }
    }
    const backMs = bootTimeMs();
    await whenStarted();
    this.backToWork.push(bootTimeMs() - backMs);
  }
}
