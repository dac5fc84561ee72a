import { bootTimeMs } from "office-server/platform/clock.ts";
import { pause } from "office-server/platform/timers.ts";
import type { HistoryWriter } from "../history/HistoryWriter.ts";
import { FAULTS, type Scene } from "./faults.ts";

/** Between two faults, in ms. They last longer than that: several are there at the same time. */
const PAUSE_MS = [600, 2_200] as const;
/** Of the same kind and of the slow ones not too many at once: something has to get done, too. */
const AT_ONCE_MAX = 6;

/** Breaks things, in an order that its seed determines. */
export class Nemesis {
  readonly #scene: Scene;
  readonly #history: HistoryWriter;
  readonly #striking = new Map<Promise<void>, string>();
  readonly counts = new Map<string, number>();
  /** Faults that could not be, and why. */
  readonly skipped = new Map<string, number>();

  constructor(scene: Scene, history: HistoryWriter) {
    this.#scene = scene;
    this.#history = history;
  }

  get faults(): number {
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0);
  }

  /**
   * Breaks things for so long, in ms, and then heals what is broken. First one of each kind, however long that takes,
   * so that none is left out.
   */
  async run(forMs: number): Promise<void> {
    const { random } = this.#scene;
    const untilMs = bootTimeMs() + forMs;
    const first = FAULTS.toSorted(() => random.fraction() - 0.5);
    while (first.length > 0 || bootTimeMs() < untilMs) {
      while (this.#striking.size >= AT_ONCE_MAX) await Promise.race(this.#striking.keys());
      const kind = first.shift() ?? weighted(random.fraction());
      if (![...this.#striking.values()].includes(kind.name)) this.#strike(kind);
      await pause(random.between(...PAUSE_MS));
    }
    await Promise.all(this.#striking.keys());
    for (const { process, proxy } of [this.#scene.world.api, ...this.#scene.world.workers]) {
      proxy.admit();
      process.signal("SIGCONT");
      process.start();
    }
  }

  #strike({ name, strike }: (typeof FAULTS)[number]): void {
    const fromMs = bootTimeMs();
    const striking = strike({ ...this.#scene, random: this.#scene.random.branch() })
      .then(
        (target) => {
          if (target === null) this.skipped.set(name, (this.skipped.get(name) ?? 0) + 1);
          else {
            this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
            this.#history.write({ kind: "fault", name, target, fromMs, toMs: bootTimeMs() });
          }
        },
        // What it was to be done to may just have been broken by another one.
        () => void this.skipped.set(name, (this.skipped.get(name) ?? 0) + 1),
      )
      .finally(() => this.#striking.delete(striking));
    this.#striking.set(striking, name);
  }
}

function weighted(fraction: number): (typeof FAULTS)[number] {
  const total = FAULTS.reduce((sum, { weight }) => sum + weight, 0);
  let left = fraction * total;
  for (const kind of FAULTS) {
    left -= kind.weight;
    if (left < 0) return kind;
  }
  throw new Error("there are no faults");
}
