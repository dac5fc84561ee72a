import type { JobEvent } from "office-contract/events.ts";
import type { Invariant, Judgement } from "../finding.ts";
import { inWords } from "../jobLog.ts";
import type { OfficeRecord } from "../records.ts";

/**
 * The log of an office is in the order in which it was decided, so that it tells what was ready when something else was
 * started. Jobs of limited roles may have to let others pass.
 */
export const priorityFirst: Invariant = {
  name: "of the jobs that may start, the one with the best priority starts first",
  judge({ offices, events }, judgement) {
    for (const office of offices) walk(office, events.get(office.id) ?? [], judgement);
  },
};

function walk(office: OfficeRecord, events: readonly JobEvent[], judgement: Judgement): void {
  const priorities = new Map<string, number>();
  const ready = new Map<string, JobEvent>();
  for (const event of events) {
    const { type, job_id: id, details } = event;
    if (type === "job_created") priorities.set(id, Number(details["priority"] ?? 0));
    if (type === "job_priority_changed") priorities.set(id, Number(details["to"]));
    if (type === "job_handed_over") {
      const waiting = ready.get(id);
      if (waiting !== undefined) ready.set(id, { ...waiting, role: event.role });
    }
    if (type === "job_started") {
      judgement.judged += 1;
      const own = priorities.get(id) ?? 0;
      for (const [other, waiting] of ready) {
        if (other === id || Object.hasOwn(office.maxConcurrentByRole, waiting.role)) continue;
        if ((priorities.get(other) ?? 0) < own) {
          judgement.violated(
            `office ${office.id}: ${inWords(event)} with priority ${own}, before ${inWords(waiting)} with ${priorities.get(other)}`,
          );
        }
      }
    }
    if (type === "job_ready") ready.set(id, event);
    else if (type !== "job_priority_changed" && type !== "job_handed_over") ready.delete(id);
  }
}
