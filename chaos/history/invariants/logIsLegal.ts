import type { JobEvent } from "office-contract/events.ts";
import type { Invariant, Judgement } from "../finding.ts";
import { inWords } from "../jobLog.ts";

type State = "none" | "waiting" | "ready" | "running" | "final";

/** What may be said of a job in each state, and what it is then. */
const STEPS: Readonly<Record<State, Partial<Record<JobEvent["type"], State>>>> = {
  none: { job_created: "waiting" },
  waiting: { job_ready: "ready", job_cancelled: "final", job_failed: "final" },
  ready: { job_started: "running", job_cancelled: "final" },
  running: {
    job_completed: "final",
    job_failed: "final",
    job_timeout: "final",
    job_cancelled: "final",
    job_retrying: "waiting",
  },
  final: { job_retrying: "waiting" },
};
const IN_ANY_STATE: ReadonlySet<string> = new Set(["job_priority_changed", "job_handed_over"]);

export const logIsLegal: Invariant = {
  name: "events have no gaps, follow the states, and reach whoever follows them once and in order",
  judge({ events, followed }, judgement) {
    for (const [officeId, list] of events) {
      walk(officeId, list, judgement);
      const seen = followed.get(officeId);
      if (seen === undefined) continue;
      judgement.judged += 1;
      const different = list.findIndex((event, index) => JSON.stringify(seen[index]) !== JSON.stringify(event));
      if (different >= 0 || seen.length !== list.length) {
        const at = different >= 0 ? different : list.length;
        judgement.violated(
          `office ${officeId}: a follower saw ${describe(seen[at])} where the log has ${describe(list[at])}`,
        );
      }
    }
  },
};

function walk(officeId: string, list: readonly JobEvent[], judgement: Judgement): void {
  const states = new Map<string, State>();
  for (const [index, event] of list.entries()) {
    judgement.judged += 1;
    if (event.seq !== index + 1) {
      judgement.violated(`office ${officeId}: event ${index + 1} of the log has number ${event.seq}`);
      return;
    }
    if (IN_ANY_STATE.has(event.type)) continue;
    const state = states.get(event.job_id) ?? "none";
    const next = STEPS[state][event.type];
    const isExplicit = event.details["explicit"] === true;
    if (next === undefined || (event.type === "job_retrying" && isExplicit !== (state === "final"))) {
      judgement.violated(`office ${officeId}: ${inWords(event)}, which was ${state}`);
    }
    states.set(event.job_id, next ?? state);
  }
}

const describe = (event: JobEvent | undefined): string => (event === undefined ? "nothing" : inWords(event));
