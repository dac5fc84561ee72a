import { DEFAULT_ROLE } from "office-contract/vocabulary.ts";
import type { GraphNode } from "../graph.ts";
import { WAYS_TO_RUN } from "../wayToRun.ts";
import { isMapping } from "./mapping.ts";

/**
 * What can be told of a plan whose fields are not all right: enough to check its jobs against each other, so that
 * one reading finds as much as possible. `index` is a job's place in the plan's list.
 */
export interface PlanOutline {
  jobs: readonly JobOutline[];
  edges: number;
  /** A node for each job of the list, with UNREADABLE names for keys and dependencies that are not text. */
  graph: readonly GraphNode[];
  /** The roles that say how their jobs are run. */
  runnableRoles: ReadonlySet<string>;
}

/** How a name that stands for something unreadable begins. No valid key does. */
export const UNREADABLE = "\0";

export interface JobOutline {
  index: number;
  key: unknown;
  role: unknown;
  /** Which of `run`, `command` and `runtime` it has. */
  ways: readonly WayToRun[];
}

type WayToRun = (typeof WAYS_TO_RUN)[number];

export const outlinePlan = (plan: unknown): PlanOutline => {
  const roles = isMapping(plan) && isMapping(plan["roles"]) ? Object.entries(plan["roles"]) : [];
  const list: unknown[] = isMapping(plan) && Array.isArray(plan["jobs"]) ? plan["jobs"] : [];
  return {
    jobs: list.flatMap(jobOutline),
    edges: list.reduce<number>((sum, job) => sum + dependenciesOf(job).length, 0),
    graph: list.map(nodeOf),
    runnableRoles: new Set(
      roles.filter(([, role]) => isMapping(role) && ("command" in role || "runtime" in role)).map(([name]) => name),
    ),
  };
};

const jobOutline = (job: unknown, index: number): JobOutline[] => {
  if (!isMapping(job)) return [];
  const ways = WAYS_TO_RUN.filter((way) => way in job);
  return [{ index, key: job["key"], role: job["role"] ?? DEFAULT_ROLE, ways }];
};

const dependenciesOf = (job: unknown): unknown[] =>
  isMapping(job) && Array.isArray(job["depends_on"]) ? job["depends_on"] : [];

const nodeOf = (job: unknown, index: number): GraphNode => ({
  key: isMapping(job) && typeof job["key"] === "string" ? job["key"] : `${UNREADABLE}${index}`,
  dependsOn: dependenciesOf(job).map((key, position) =>
    typeof key === "string" ? key : `${UNREADABLE}${index}.${position}`,
  ),
});
