import type { BootMs, Call, History, OfficeRecord } from "./records.ts";

/** A value of a limit, and when it may have held. */
interface Period {
  limit: number;
  fromMs: BootMs;
  toMs: BootMs;
}

/** Tells the highest value that an office's limit of running jobs can have had at some moment between two. */
export function limitsOf(history: History, office: OfficeRecord): (fromMs: BootMs, toMs: BootMs) => number {
  const changes = history.calls.filter(({ name, officeId, outcome }) => {
    return name === "patchConfig" && officeId === office.id && outcome !== "refused";
  });
  const periods: Period[] = [
    { limit: office.maxConcurrentJobs, fromMs: -Infinity, toMs: endOf(-Infinity, changes) },
    ...changes.flatMap((change) => {
      const limit = (change.request["body"] as { maxConcurrentJobs?: number } | undefined)?.maxConcurrentJobs;
      if (limit === undefined) return [];
      // Without an answer it may take effect at any time.
      const until = change.answeredMs === null ? Infinity : endOf(change.answeredMs, changes);
      return [{ limit, fromMs: change.invokedMs, toMs: until }];
    }),
  ];
  return (fromMs, toMs) => {
    const possible = periods.filter((period) => period.fromMs <= toMs && period.toMs >= fromMs);
    return Math.max(...possible.map(({ limit }) => limit));
  };
}

/** When at the latest a value is replaced that was set by `setMs`: by the first change that was begun and acknowledged after that. */
const endOf = (setMs: BootMs, changes: readonly Call[]): BootMs =>
  Math.min(
    Infinity,
    ...changes
      .filter(({ invokedMs, outcome }) => outcome === "ok" && invokedMs > setMs)
      .map(({ answeredMs }) => answeredMs ?? Infinity),
  );
