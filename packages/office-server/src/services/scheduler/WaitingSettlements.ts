import type { Settlement } from "../../db/transitions/runPass.ts";

/** Per office, what has ended and is not on record yet. */
export class WaitingSettlements {
  readonly #ofOffice = new Map<string, Settlement[]>();

  add(settlement: Settlement): void {
    const waiting = this.#ofOffice.get(settlement.officeId);
    if (waiting === undefined) this.#ofOffice.set(settlement.officeId, [settlement]);
    else waiting.push(settlement);
  }

  /** Takes out those of some offices, one a job; what is over of these is returned as `later`, and waits on. */
  take(officeIds: readonly string[]): { now: Settlement[]; later: Settlement[] } {
    const now = new Map<string, Settlement>();
    const later: Settlement[] = [];
    for (const officeId of officeIds) {
      const waiting = this.#ofOffice.get(officeId) ?? [];
      this.#ofOffice.delete(officeId);
      for (const settlement of waiting) {
        if (now.has(settlement.jobId)) later.push(settlement);
        else now.set(settlement.jobId, settlement);
      }
    }
    for (const settlement of later) this.add(settlement);
    return { now: [...now.values()], later };
  }
}
