import type { SessionSpec } from "office-contract/session.ts";
import type { NewJob } from "../db/transitions/submitTask.ts";
import type { PlanJob } from "../domain/plan.ts";

/** A job of a plan or a request, whose session may be left to its office. */
type DefinedJob = Omit<PlanJob, "session" | "dependsOn"> & { session: Partial<SessionSpec> | null };

/** A job as it is stored, with the ids of the jobs that it depends on. */
export const asNewJob = (job: DefinedJob, id: string, dependsOn: readonly string[]): NewJob => ({
  id,
  key: job.key,
  role: job.role,
  title: job.title,
  description: job.prompt,
  session: job.session,
  priority: job.priority,
  timeout_ms: job.timeoutMs,
  max_retries: job.maxRetries,
  depends_on: dependsOn,
});
