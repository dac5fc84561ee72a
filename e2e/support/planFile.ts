import { DEFAULT_CONFIG } from "office-contract/config.ts";
import { readPlanFile } from "office-server/services/planFile.ts";
import type { Expectations } from "./history.ts";

/** What the history of a plan's run must keep to. */
export async function expectationsOf(path: string): Promise<Expectations> {
  const read = await readPlanFile(path);
  if (!read.ok) throw new Error(`${path} is no plan: ${read.errors[0]?.message}`);
  const { jobs, limits } = read.plan;
  return {
    dependencies: new Map(jobs.map(({ key, dependsOn }) => [key, dependsOn])),
    limits: {
      office: limits.maxConcurrentJobs ?? DEFAULT_CONFIG.maxConcurrentJobs,
      byRole: limits.maxConcurrentByRole ?? {},
    },
  };
}
