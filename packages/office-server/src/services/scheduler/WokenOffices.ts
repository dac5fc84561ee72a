import { setLongTimer, type Timer } from "../../platform/timers.ts";

const BACKOFF_MS_MIN = 100;
const BACKOFF_MS_MAX = 5_000;

/**
 * The offices that are to be looked at, and those that a pass is looking at: no office is in two passes at a time. One
 * whose pass failed rests for a while, each time longer, and holds up no other.
 */
export class WokenOffices {
  readonly #woken = new Set<string>();
  readonly #inPass = new Set<string>();
  /** Those whose last pass failed, how long they rested after it, and whether a pass has looked at them since. */
  readonly #doubtful = new Map<string, { restMs: number; timer: Timer | null; looked: boolean }>();
  /** Called when an office has rested. */
  readonly #onRested: () => void;

  constructor(onRested: () => void) {
    this.#onRested = onRested;
  }

  add(officeId: string): void {
    this.#woken.add(officeId);
  }

  get size(): number {
    return this.#woken.size;
  }

  isInPass(officeId: string): boolean {
    return this.#inPass.has(officeId);
  }

  /** Whether an office's last pass failed, so that nobody here knows whether it took effect. */
  isDoubtful(officeId: string): boolean {
    return this.#doubtful.has(officeId);
  }

  /** Takes out the offices of the next pass, at most `countMax`. One whose last pass failed comes alone. */
  next(countMax: number): string[] {
    const officeIds: string[] = [];
    for (const id of this.#woken) {
      const doubt = this.#doubtful.get(id);
      const rests = doubt !== undefined && doubt.timer !== null;
      if (rests || this.#inPass.has(id) || (doubt !== undefined && officeIds.length > 0)) continue;
      this.#woken.delete(id);
      officeIds.push(id);
      if (doubt !== undefined || officeIds.length === countMax) break;
    }
    return officeIds;
  }

  begin(officeIds: readonly string[]): void {
    for (const id of officeIds) {
      this.#inPass.add(id);
      const doubt = this.#doubtful.get(id);
      if (doubt !== undefined) doubt.looked = true;
    }
  }

  succeed(officeIds: readonly string[]): void {
    for (const id of officeIds) {
      this.#inPass.delete(id);
      const doubt = this.#doubtful.get(id);
      if (doubt?.looked !== true) continue;
      doubt.timer?.cancel();
      this.#doubtful.delete(id);
    }
  }

  /** Somebody says that an office is not as it is known here: its next pass looks more closely, and soon. */
  doubt(officeId: string): void {
    if (!this.#doubtful.has(officeId))
      this.#doubtful.set(officeId, { restMs: BACKOFF_MS_MIN, timer: null, looked: false });
    this.#woken.add(officeId);
    this.#onRested();
  }

  /** What failed is to be tried again, after a rest. */
  fail(officeIds: readonly string[]): void {
    for (const id of officeIds) {
      const last = this.#doubtful.get(id);
      last?.timer?.cancel();
      const restMs = last === undefined ? BACKOFF_MS_MIN : Math.min(last.restMs * 2, BACKOFF_MS_MAX);
      const doubt = { restMs, timer: setLongTimer(() => this.#endRest(id), restMs), looked: false };
      this.#doubtful.set(id, doubt);
      this.#inPass.delete(id);
      this.#woken.add(id);
    }
  }

  /** Nothing rests any more, and nobody is told. */
  stop(): void {
    for (const { timer } of this.#doubtful.values()) timer?.cancel();
  }

  #endRest(officeId: string): void {
    const doubt = this.#doubtful.get(officeId);
    if (doubt !== undefined) doubt.timer = null;
    this.#onRested();
  }
}
