import { EDGES_MAX, JOBS_MAX } from "office-contract/limits.ts";
import { type GraphNode, type GraphProblem, validateGraph } from "../graph.ts";
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
    const message = graphMessage(problem, suggestions <= SUGGESTIONS_MAX ? keys : [], lineOf);
    return [{ path, message: `${pathName(path, plan)} ${message}` }];
  });
};

const placeOf = (problem: GraphProblem, graph: readonly GraphNode[]): PropertyKey[] => {
  const { index } = problem;
  if (problem.kind === "duplicate_key") return ["jobs", index, "key"];
  if (problem.kind !== "cycle") return ["jobs", index, "depends_on", problem.position];
  return ["jobs", index, "depends_on", graph[index]?.dependsOn.indexOf(problem.cycle[1] ?? "") ?? 0];
};

const graphMessage = (problem: GraphProblem, known: readonly string[], lineOf: LineOf): string => {
  switch (problem.kind) {
    case "duplicate_key":
      return `is a duplicate: the job on line ${lineOf(["jobs", problem.firstIndex, "key"])} has the same key; give each its own`;
    case "unknown_dependency":
      return `names an unknown job, ${quoted(problem.dependency)}${suggestion(problem.dependency, known) || ": no job has this key"}`;
    case "self_dependency":
      return "names its own job: a job cannot wait for itself; remove it";
    case "duplicate_dependency":
      return `names ${quoted(problem.dependency)} once more: once is enough; remove it`;
    case "cycle":
      return `closes a cycle: ${cycleName(problem.cycle)}, each waiting for the next; remove one of these dependencies`;
  }
};

/** `a → b → c → a`, shortened in the middle where it is long. */
const cycleName = (cycle: readonly string[]): string => {
  const shownMax = 24;
  const names = cycle.length <= shownMax ? cycle : [...cycle.slice(0, shownMax - 2), "…", ...cycle.slice(-2)];
  return names.join(" → ");
};
