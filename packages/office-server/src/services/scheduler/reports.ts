import type { PassRequest, PassResult, Settlement } from "../../db/transitions/runPass.ts";

/** What a pass did, for those who measure. */
export interface PassReport {
  officeIds: readonly string[];
  durationMs: number;
  /** Executions that it started. */
  claimed: number;
  /** Settlements that it put on record. */
  settled: readonly Settlement[];
}

export function reportOf({ officeIds, settlements }: PassRequest, result: PassResult, durationMs: number): PassReport {
  const recorded = new Set(result.settled);
  const settled = settlements.filter(({ executionId }) => recorded.has(executionId));
  return { officeIds, durationMs, claimed: result.claimed.length, settled };
}

export interface LoopHealth {
  /** Ms since the last look for work that succeeded; null before the first. */
  lastTickMs: number | null;
  /** Passes that are running, and for how long the oldest of them has been. */
  passes: number;
  oldestPassMs: number | null;
  /** Executions of this worker that are not on record as ended. */
  executions: number;
}
