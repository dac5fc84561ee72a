import type { JobSchedulerConfig } from "office-contract/config.ts";

/** A ready job, as far as its turn depends on it. */
export interface ReadyJob {
  id: string;
  role: string;
  /** Lower runs first. */
  priority: number;
  createdAtMs: number;
}

export type ConcurrencyLimits = Pick<JobSchedulerConfig, "maxConcurrentJobs" | "maxConcurrentByRole">;

/** The order of ready jobs within an office: priority, then created_at, then id. */
export const compareReadyJobs = (a: ReadyJob, b: ReadyJob): number =>
  a.priority - b.priority || a.createdAtMs - b.createdAtMs || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);

/** Free slots of an office: overall, and of each role that has a limit of its own. Never negative. */
export interface AvailableSlots {
  office: number;
  byRole: Map<string, number>;
}

/** `runningRoles` holds the role of each live execution. */
export const availableSlots = (limits: ConcurrencyLimits, runningRoles: readonly string[]): AvailableSlots => {
  const byRole = new Map(Object.entries(limits.maxConcurrentByRole));
  for (const role of runningRoles) {
    const free = byRole.get(role);
    if (free !== undefined) byRole.set(role, Math.max(free - 1, 0));
  }
  return { office: Math.max(limits.maxConcurrentJobs - runningRoles.length, 0), byRole };
};

/**
 * The jobs that may start now, in order. A role without free slots is passed over and blocks nobody behind it.
 * This is the rule itself; db/transitions/claim_jobs.sql carries it out on the database, and a property test
 * holds the two against each other.
 */
export const admit = (ready: readonly ReadyJob[], slots: AvailableSlots): ReadyJob[] => {
  const byRole = new Map(slots.byRole);
  const admitted: ReadyJob[] = [];
  for (const job of ready.toSorted(compareReadyJobs)) {
    if (admitted.length >= slots.office) break;
    const free = byRole.get(job.role) ?? Number.POSITIVE_INFINITY;
    if (free <= 0) continue;
    byRole.set(job.role, free - 1);
    admitted.push(job);
  }
  return admitted;
};
