import { type Finding, findingOf, type Invariant, type Verdict } from "./finding.ts";
import { acknowledgedWritesSurvive } from "./invariants/acknowledgedWritesSurvive.ts";
import { cancelIsFinal } from "./invariants/cancelIsFinal.ts";
import { dependenciesFirst } from "./invariants/dependenciesFirst.ts";
import { everyJobEnds } from "./invariants/everyJobEnds.ts";
import { limitsHold } from "./invariants/limitsHold.ts";
import { logIsLegal } from "./invariants/logIsLegal.ts";
import { oneExecutionPerJob } from "./invariants/oneExecutionPerJob.ts";
import { priorityFirst } from "./invariants/priorityFirst.ts";
import { retriesAsConfigured } from "./invariants/retriesAsConfigured.ts";
import { staleReportsChangeNothing } from "./invariants/staleReportsChangeNothing.ts";
import { timeoutsInTime } from "./invariants/timeoutsInTime.ts";
import type { History } from "./records.ts";

export const INVARIANTS: readonly Invariant[] = [
  limitsHold,
  dependenciesFirst,
  oneExecutionPerJob,
  staleReportsChangeNothing,
  everyJobEnds,
  logIsLegal,
  retriesAsConfigured,
  cancelIsFinal,
  timeoutsInTime,
  priorityFirst,
  acknowledgedWritesSurvive,
];

/** Judges a history by everything that must hold. One violation makes it invalid; what cannot be told makes it unknown. */
export function check(history: History): { verdict: Verdict; findings: Finding[] } {
  const findings = INVARIANTS.map((invariant) => findingOf(invariant, history));
  const has = (verdict: Verdict): boolean => findings.some((finding) => finding.verdict === verdict);
  return { verdict: has("invalid") ? "invalid" : has("unknown") ? "unknown" : "valid", findings };
}
