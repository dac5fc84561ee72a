/** Offices in one pass: enough to share a commit, few enough that none waits long for the others. */
const OFFICES_PER_PASS = 100;

/** The offices that are to be looked at, and those that a pass is looking at: no office is in two passes at a time. */
export class WokenOffices {
  readonly #woken = new Set<string>();
  readonly #inPass = new Set<string>();
  readonly #doubtful = new Set<string>();

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

  /** Takes out the offices of the next pass. One whose last pass failed comes alone: what is wrong with it holds up no other. */
  next(): string[] {
    const officeIds: string[] = [];
    for (const id of this.#woken) {
      if (this.#inPass.has(id)) continue;
      const alone = this.#doubtful.has(id);
      if (alone && officeIds.length > 0) continue;
      this.#woken.delete(id);
      officeIds.push(id);
      if (alone || officeIds.length === OFFICES_PER_PASS) break;
    }
    return officeIds;
  }

  begin(officeIds: readonly string[]): void {
    for (const id of officeIds) this.#inPass.add(id);
  }

  succeed(officeIds: readonly string[]): void {
    for (const id of officeIds) {
      this.#inPass.delete(id);
      this.#doubtful.delete(id);
    }
  }

  /** What failed is to be tried again. */
  fail(officeIds: readonly string[]): void {
    for (const id of officeIds) {
      this.#inPass.delete(id);
      this.#doubtful.add(id);
      this.#woken.add(id);
    }
  }
}
