/**
 * The offices that could start more than this worker has room for, in the order in which room is due to them: those that
 * got nothing before those that got something, and among these who got it earliest.
 */
export class HungryOffices {
  readonly #gotNothing = new Set<string>();
  readonly #gotSome = new Set<string>();

  /** What a pass over an office did: how many jobs it claimed, of how many that it had room for. */
  served(officeId: string, claimed: number, room: number): void {
    const wantsMore = claimed === room;
    this.#gotSome.delete(officeId);
    if (claimed > 0 || !wantsMore) this.#gotNothing.delete(officeId);
    if (wantsMore) (claimed > 0 ? this.#gotSome : this.#gotNothing).add(officeId);
  }

  /** In the order in which they should be passed over when there is room again. */
  inOrder(): string[] {
    return [...this.#gotNothing, ...this.#gotSome];
  }
}
