import { EDGES_MAX, JOBS_MAX } from "office-contract/limits.ts";
import { Refusal } from "../domain/refusal.ts";

/**
 * Refuses a submission with more jobs or dependencies than are taken at a time, before anything else of it is looked at.
 *
 * @throws Refusal that says how many there are
 */
export function checkSubmissionSize(body: unknown): void {
  const jobs: unknown = (body as { jobs?: unknown } | null)?.jobs;
  if (!Array.isArray(jobs)) return;
  if (jobs.length > JOBS_MAX) throw tooMany(`must not have more than ${JOBS_MAX} jobs, and has ${jobs.length}`);
  const edges = jobs.reduce<number>(
    (sum, job) => sum + lengthOf((job as { depends_on?: unknown } | null)?.depends_on),
    0,
  );
  if (edges > EDGES_MAX) {
    throw tooMany(`must not have more than ${EDGES_MAX} dependencies (depends_on) in all, and has ${edges}`);
  }
}

const lengthOf = (value: unknown): number => (Array.isArray(value) ? value.length : 0);

const tooMany = (message: string): Refusal =>
  new Refusal("invalid_request", `body.jobs ${message}`, { errors: [{ field: "body.jobs", message }] });
