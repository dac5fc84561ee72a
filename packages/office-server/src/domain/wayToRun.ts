import { resolve } from "node:path";
import type { PlanDocument, PlanRole } from "office-contract/plan.ts";
import type { SessionSpec } from "office-contract/session.ts";

/** A job as it is written in a plan or a request. */
export type JobDocument = PlanDocument["jobs"][number];

type WayToRun = Pick<SessionSpec, "run" | "command" | "stdin" | "runtime" | "lease_ms">;

/** The fields of a job that say what is run. At most one of them may be there. */
export const WAYS_TO_RUN = ["run", "command", "runtime"] as const;

/** How a job's session comes about, by itself or by its role. A role's input is for the role's program; another gets none. */
export const wayToRun = (job: JobDocument, role: PlanRole): WayToRun => {
  if (job.run !== undefined) return { run: job.run };
  if (job.command !== undefined) return { command: job.command };
  if (job.runtime !== undefined || role.runtime !== undefined) {
    const lease = job.lease ?? role.lease;
    return { runtime: "external", ...(lease !== undefined && { lease_ms: lease }) };
  }
  return {
    ...(role.command !== undefined && { command: role.command }),
    ...(role.stdin !== undefined && { stdin: role.stdin }),
  };
};

/** A job's session, by itself and its role. Relative folders are below `directory`, an absolute path. */
export const sessionOf = (job: JobDocument, role: PlanRole, directory: string): SessionSpec => ({
  ...wayToRun(job, role),
  cwd: resolve(directory, job.cwd ?? role.cwd ?? "."),
  env: { ...role.env, ...job.env },
});
