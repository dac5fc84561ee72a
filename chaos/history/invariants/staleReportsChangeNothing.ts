import type { Invariant } from "../finding.ts";
import { inWords, isEnd } from "../jobLog.ts";

/** An execution has one end in the log; and of the reports about one, at most one is acknowledged. */
export const staleReportsChangeNothing: Invariant = {
  name: "a report about an execution that is over changes nothing, and is refused",
  judge({ events, calls }, judgement) {
    for (const list of events.values()) {
      const ended = new Map<string, string>();
      for (const event of list) {
        const id = event.execution_id;
        if (id === null || !(isEnd(event) || event.type === "job_retrying")) continue;
        judgement.judged += 1;
        const first = ended.get(id);
        if (first !== undefined) {
          judgement.violated(`office ${event.office_id}: execution ${id} ended twice: ${first}, ${inWords(event)}`);
        }
        ended.set(id, inWords(event));
      }
    }
    const reports = calls.filter(({ name }) => name === "completeExecution");
    for (const [executionId, ofOne] of Map.groupBy(reports, ({ request }) => String(request["executionId"]))) {
      judgement.judged += 1;
      const taken = ofOne.filter(({ outcome }) => outcome === "ok");
      if (taken.length > 1)
        judgement.violated(`${taken.length} reports about execution ${executionId} were acknowledged`);
    }
  },
};
