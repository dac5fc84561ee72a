import { EDGES_MAX, JOBS_MAX } from "office-contract/limits.ts";
import { type GraphNode, validateGraph } from "../graph.ts";
import { graphMessage, placeOf } from "../graphProblems.ts";
import type { ValueProblem } from "./errors.ts";
import { pathName, quoted, suggestion } from "./naming.ts";
import { type JobOutline, type PlanOutline, UNREADABLE } from "./outline.ts";

/** Looking for the nearest key reads all of them, so it is done only for as many problems as are printed. */
const SUGGESTIONS_MAX = 20;

/** A plan that is too large is not looked at any further. */
export const checkSize = ({ jobs, edges }: PlanOutline): ValueProblem[] => {
  const tooMany = (count: number, what: string, max: number): ValueProblem[] =>
    count <= max
      ? []
      : [{ path: ["jobs"], message: `${count} ${what} are too many: a plan may have ${max}; split it` }];
  return [...tooMany(jobs.length, "jobs", JOBS_MAX), ...tooMany(edges, "dependencies", EDGES_MAX)];
};

/** Checks that the jobs of a plan fit together: each has one way to run, and their dependencies can be met. */
export const checkCoherence = (outline: PlanOutline, plan: unknown, lineOf: LineOf): ValueProblem[] => [
  ...outline.jobs.flatMap((job) => wayToRunProblem(job, outline.runnableRoles)),
  ...graphProblems(outline.graph, plan, lineOf),
];

/** The line, from 1, of the value at a path. */
export type LineOf = (path: readonly PropertyKey[]) => number;

const wayToRunProblem = ({ index, key, role, ways }: JobOutline, runnableRoles: ReadonlySet<string>) => {
  const name = typeof key === "string" ? `job ${quoted(key)}` : `jobs[${index}]`;
  const [way] = ways;
  if (way !== undefined) {
    if (ways.length === 1) return [];
    const message = `${name} has both ${ways.join(" and ")}: keep run for a shell line, command for a list of arguments, or runtime for a session elsewhere`;
    return [{ path: ["jobs", index, way], atKey: true, message }];
  }
  if (typeof role !== "string" || runnableRoles.has(role)) return [];
  const remedy = `add run or command to it, or a command to role ${quoted(role)} under roles`;
  const message = `${name} has nothing to run: ${remedy}${suggestion(role, runnableRoles)}`;
  return [{ path: ["jobs", index], message }];
};

const graphProblems = (graph: readonly GraphNode[], plan: unknown, lineOf: LineOf): ValueProblem[] => {
  const keys = graph.map(({ key }) => key);
  const keysKnown = !keys.some((key) => key.startsWith(UNREADABLE));
  let suggestions = 0;
  return validateGraph(graph).flatMap((problem) => {
    if (problem.kind === "unknown_dependency") {
      if (!keysKnown || problem.dependency.startsWith(UNREADABLE)) return [];
      suggestions += 1;
    }
    const path = placeOf(problem, graph);
    const message = graphMessage(problem, {
      known: suggestions <= SUGGESTIONS_MAX ? keys : [],
      jobAt: (index) => `the job on line ${lineOf(["jobs", index, "key"])}`,
      unknown: "no job has this key",
    });
    return [{ path, message: `${pathName(path, plan)} ${message}` }];
  });
};
