import type { Settlement } from "../../db/transitions/runPass.ts";

/** What a pass did, for those who measure. */
export interface PassReport {
  officeIds: readonly string[];
  durationMs: number;
  /** Executions that it started. */
  claimed: number;
  /** Settlements that it put on record. */
  settled: readonly Settlement[];
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
