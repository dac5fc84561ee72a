import type { BootMs, ClockSample } from "./records.ts";

/** Tells the database's clock by the boot's, as closely as samples allow. */
export interface ClockRelation {
  /** The earliest and the latest moment at which the database's clock can have shown a time. */
  boundsOf(timestamp: string): { fromMs: BootMs; toMs: BootMs };
}

/** Of a step that the clock has made since, the samples disagree; then nothing can be told. */
export function relateClocks(samples: readonly ClockSample[]): ClockRelation | null {
  if (samples.length === 0) return null;
  // Database time minus boot time lies between these, by every sample.
  const offsetMinMs = Math.max(...samples.map(({ databaseMs, afterMs }) => databaseMs - afterMs));
  const offsetMaxMs = Math.min(...samples.map(({ databaseMs, beforeMs }) => databaseMs - beforeMs));
  // Both clocks are read in steps, and drift.
  const slackMs = 50;
  if (offsetMinMs > offsetMaxMs + slackMs) return null;
  const [low, high] = [Math.min(offsetMinMs, offsetMaxMs) - slackMs, Math.max(offsetMinMs, offsetMaxMs) + slackMs];
  return {
    boundsOf: (timestamp) => {
      const atMs = Date.parse(timestamp);
      return { fromMs: atMs - high, toMs: atMs - low };
    },
  };
}
