import { executionOrder, validateGraph } from "office-server/domain/graph.ts";
import { monotonicMs } from "office-server/platform/clock.ts";
import { atMost, type Figure, median } from "./figures.ts";

const RUNS = 5;

/** Checking a graph for cycles and ordering it in groups. */
export function graphCost(): Promise<Figure[]> {
  return Promise.resolve([figure(100, 200, 5), figure(100_000, 200_000, 1_000)]);
}

function figure(jobs: number, edges: number, mostMs: number): Figure {
  const ms = median(Array.from({ length: RUNS }, () => measureMs(jobs, edges)));
  return {
    name: `cycle check and groups, ${jobs.toLocaleString("en")} jobs, ${edges.toLocaleString("en")} edges`,
    value: `${ms.toFixed(1)} ms`,
    target: atMost(ms, mostMs, `${mostMs.toLocaleString("en")} ms`),
  };
}

function measureMs(jobs: number, edges: number): number {
  const nodes = Array.from({ length: jobs }, (_, index) => ({ key: `job-${index}`, dependsOn: [] as string[] }));
  // Each job but the first depends on `perJob` different ones before it, spread over all of them.
  const perJob = edges / jobs;
  for (const [index, node] of nodes.entries()) {
    for (let n = 0; n < Math.min(perJob, index); n++)
      node.dependsOn.push(`job-${Math.floor((index * (n + 1)) / (perJob + 1))}`);
  }
  const startMs = monotonicMs();
  const problems = validateGraph(nodes);
  const order = executionOrder(nodes);
  const elapsedMs = monotonicMs() - startMs;
  if (problems.length > 0 || !order.ok) throw new Error("the graph was found wrong");
  return elapsedMs;
}
