import fc from "fast-check";
import {
  criticalPath,
  detectCycle,
  executionOrder,
  type GraphNode,
  validateGraph,
} from "office-server/domain/graph.ts";
import { expect, test } from "vitest";

interface Picture {
  size: number;
  edges: [number, number][];
}

const picture = fc.integer({ min: 1, max: 25 }).chain((size) =>
  fc.record({
    size: fc.constant(size),
    edges: fc.array(fc.tuple(fc.nat({ max: size - 1 }), fc.nat({ max: size - 1 })), { maxLength: size * 3 }),
  }),
);

const nodesOf = ({ size, edges }: Picture): GraphNode[] =>
  Array.from({ length: size }, (_, index) => ({
    key: `k${index}`,
    dependsOn: [...new Set(edges.filter(([from]) => from === index).map(([, to]) => `k${to}`))],
  }));

/** Any directed graph; cycles and self-dependencies are likely. */
const anyGraph = picture.map(nodesOf);

/** An acyclic graph, its nodes in any order. */
const acyclicGraph = picture
  .map(({ size, edges }) =>
    nodesOf({
      size,
      edges: edges.map(([a, b]) => [Math.max(a, b), Math.min(a, b)] as [number, number]).filter(([a, b]) => a !== b),
    }),
  )
  .chain((nodes) => fc.shuffledSubarray(nodes, { minLength: nodes.length }));

const dependenciesOf = (nodes: readonly GraphNode[], key: string): readonly string[] =>
  nodes.find((node) => node.key === key)?.dependsOn ?? [];

/** The slow, obvious way: can a job be reached from itself? */
const hasCycle = (nodes: readonly GraphNode[]): boolean =>
  nodes.some(({ key }) => {
    const reached = new Set<string>();
    const open = [...dependenciesOf(nodes, key)];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (reached.has(next)) continue;
      reached.add(next);
      open.push(...dependenciesOf(nodes, next));
    }
    return reached.has(key);
  });

/** Closed, without a detour, each key depending on the next, from the job that comes first among the nodes. */
const isRealCycle = (nodes: readonly GraphNode[], cycle: readonly string[]): boolean => {
  const places = cycle.map((key) => nodes.findIndex((node) => node.key === key));
  const steps = cycle.slice(1).map((key, index) => dependenciesOf(nodes, cycle[index] ?? "").includes(key));
  return (
    cycle.length >= 2 &&
    cycle.at(-1) === cycle[0] &&
    new Set(cycle).size === cycle.length - 1 &&
    Math.min(...places) === places[0] &&
    steps.every(Boolean)
  );
};

test("every job is in the first group that its dependencies allow, once, in the order of the input", () => {
  fc.assert(
    fc.property(acyclicGraph, (nodes) => {
      const order = executionOrder(nodes);
      if (!order.ok) throw new Error("an acyclic graph has an order");
      const groupOf = new Map(order.groups.flatMap((keys, group) => keys.map((key) => [key, group] as const)));
      expect(order.groups.flat()).toHaveLength(nodes.length);
      for (const { key, dependsOn } of nodes) {
        expect(groupOf.get(key)).toBe(Math.max(-1, ...dependsOn.map((other) => groupOf.get(other) ?? Infinity)) + 1);
      }
      for (const [group, keys] of order.groups.entries()) {
        expect(keys).toEqual(nodes.map(({ key }) => key).filter((key) => groupOf.get(key) === group));
      }
    }),
  );
});

test("a cycle is found exactly where there is one, and it is one", () => {
  fc.assert(
    fc.property(anyGraph, (nodes) => {
      const cycle = detectCycle(nodes);
      expect(cycle !== null).toBe(hasCycle(nodes));
      expect(cycle === null || isRealCycle(nodes, cycle)).toBe(true);
      expect(executionOrder(nodes).ok).toBe(cycle === null);
      expect(validateGraph(nodes).length > 0).toBe(cycle !== null);
    }),
    { numRuns: 300 },
  );
});

test("a cycle put into a sound graph is found", () => {
  fc.assert(
    fc.property(
      acyclicGraph.chain((nodes) =>
        fc.tuple(
          fc.constant(nodes),
          fc.shuffledSubarray(
            nodes.map(({ key }) => key),
            { minLength: 1 },
          ),
        ),
      ),
      ([nodes, ring]) => {
        const broken = nodes.map(({ key, dependsOn }) => {
          const place = ring.indexOf(key);
          const next = place === -1 ? undefined : ring[(place + 1) % ring.length];
          return { key, dependsOn: next === undefined ? dependsOn : [...new Set([...dependsOn, next])] };
        });
        expect(isRealCycle(broken, detectCycle(broken) ?? [])).toBe(true);
      },
    ),
  );
});

test("cycles that are reported share no job, and without self-dependencies none are overlooked", () => {
  fc.assert(
    fc.property(anyGraph, (nodes) => {
      const loopless = nodes.map(({ key, dependsOn }) => ({
        key,
        dependsOn: dependsOn.filter((other) => other !== key),
      }));
      const problems = validateGraph(loopless);
      const cycles = problems.flatMap((problem) => (problem.kind === "cycle" ? [problem.cycle] : []));
      expect(cycles).toHaveLength(problems.length);
      expect(cycles.length > 0).toBe(hasCycle(loopless));
      expect(cycles.every((cycle) => isRealCycle(loopless, cycle))).toBe(true);
      const keys = cycles.flatMap((cycle) => cycle.slice(1));
      expect(new Set(keys).size).toBe(keys.length);
    }),
  );
});

test("the critical path is a chain, and no chain is heavier", () => {
  fc.assert(
    fc.property(acyclicGraph, fc.array(fc.nat({ max: 9 }), { minLength: 25, maxLength: 25 }), (nodes, weights) => {
      const weightOf = ({ key }: GraphNode) => weights[Number(key.slice(1))] ?? 0;
      const result = criticalPath(nodes, weightOf);
      if (!result.ok) throw new Error("an acyclic graph has a critical path");
      const heaviest = (key: string): number =>
        weightOf({ key, dependsOn: [] }) + Math.max(0, ...dependenciesOf(nodes, key).map(heaviest));
      expect(result.weight).toBe(Math.max(...nodes.map(({ key }) => heaviest(key))));
      expect(result.path.reduce((sum, key) => sum + weightOf({ key, dependsOn: [] }), 0)).toBe(result.weight);
      for (const [index, key] of result.path.slice(1).entries()) {
        expect(dependenciesOf(nodes, key)).toContain(result.path[index]);
      }
    }),
    { numRuns: 50 },
  );
});
