import type { GraphNode, GraphProblem } from "./graph.ts";
import { quoted, suggestion } from "./plan/naming.ts";

/** Where a problem is, in what names its jobs `jobs`. */
export const placeOf = (problem: GraphProblem, graph: readonly GraphNode[]): (string | number)[] => {
  const { index } = problem;
  if (problem.kind === "duplicate_key") return ["jobs", index, "key"];
  if (problem.kind !== "cycle") return ["jobs", index, "depends_on", problem.position];
  return ["jobs", index, "depends_on", graph[index]?.dependsOn.indexOf(problem.cycle[1] ?? "") ?? 0];
};

interface Wording {
  /** Names among which a misspelt one is looked for. */
  known: readonly string[];
  jobAt: (index: number) => string;
  /** Why a dependency is unknown. */
  unknown: string;
}

/** What is wrong at a problem's place, and what would be right. */
export const graphMessage = (problem: GraphProblem, { known, jobAt, unknown }: Wording): string => {
  switch (problem.kind) {
    case "duplicate_key":
      return `is a duplicate: ${jobAt(problem.firstIndex)} has the same key; give each its own`;
    case "unknown_dependency":
      return `names an unknown job, ${quoted(problem.dependency)}${suggestion(problem.dependency, known) || `: ${unknown}`}`;
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
