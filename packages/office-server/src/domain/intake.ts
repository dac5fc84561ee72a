import { validateGraph } from "./graph.ts";

const CYCLE_NAMES_MAX = 20;

/** A waiting job with its dependencies, for judging rows that another program wrote. */
export interface WaitingJob {
  id: string;
  key: string | null;
  title: string;
  dependsOn: readonly string[];
  /** Those of its dependencies that are jobs of another office. */
  elsewhere: readonly string[];
}

/**
 * The jobs that can never run, each with the reason: those on a cycle (each cycle named in order), those that depend on
 * themselves, and those that depend on a job of another office. A dependency that does not exist yet is no fault: it may
 * be inserted later.
 */
export const newlyInvalid = (jobs: readonly WaitingJob[]): Map<string, string> => {
  const invalid = new Map<string, string>();
  const names = new Map(jobs.map((job) => [job.id, job.key ?? job.title]));
  for (const job of jobs) {
    const [foreign] = job.elsewhere;
    if (foreign !== undefined) invalid.set(job.id, belongsElsewhere(foreign));
    else if (job.dependsOn.includes(job.id)) invalid.set(job.id, "it depends on itself");
  }
  for (;;) {
    const rest = jobs.filter((job) => !invalid.has(job.id)).map(({ id, dependsOn }) => ({ key: id, dependsOn }));
    // Cycles that share no job are found together. Further ones may come to light when these are gone.
    const cycles = validateGraph(rest).flatMap((problem) => (problem.kind === "cycle" ? [problem.cycle] : []));
    if (cycles.length === 0) return invalid;
    for (const cycle of cycles) {
      const message = `it is part of a cycle: ${inWords(cycle, names)}`;
      for (const id of cycle) invalid.set(id, message);
    }
  }
};

export const belongsElsewhere = (dependency: string): string =>
  `it depends on job ${dependency}, which belongs to another office`;

/** Every job of the cycle gets the message, so that a long one must not name them all. */
const inWords = (cycle: readonly string[], names: ReadonlyMap<string, string>): string => {
  const name = (id: string): string => `${names.get(id)} (${id})`;
  const left = cycle.length - CYCLE_NAMES_MAX;
  if (left <= 0) return cycle.map(name).join(" → ");
  const [first = ""] = cycle;
  return [...cycle.slice(0, CYCLE_NAMES_MAX - 1).map(name), `${left} more`, name(first)].join(" → ");
};
