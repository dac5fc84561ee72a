/** Dependency graphs: pure, iterative and linear in jobs plus edges. */

/** A job as its graph sees it: a key, and the keys of the jobs that must be done before it. */
export interface GraphNode {
  readonly key: string;
  readonly dependsOn: readonly string[];
}

/** What is wrong with a graph. `index` counts nodes, `position` counts within the node's `dependsOn`, both from 0. */
export type GraphProblem =
  | { kind: "duplicate_key"; key: string; index: number; firstIndex: number }
  | { kind: "unknown_dependency"; key: string; dependency: string; index: number; position: number }
  | { kind: "self_dependency"; key: string; index: number; position: number }
  | { kind: "duplicate_dependency"; key: string; dependency: string; index: number; position: number }
  /** Each key depends on the next one; the last is the first again. `index` is the first one's. */
  | { kind: "cycle"; cycle: string[]; index: number };

/** Every problem of a graph: duplicate keys, then dependencies, then cycles, no two of which share a job. */
export const validateGraph = (nodes: readonly GraphNode[]): GraphProblem[] => {
  const problems: GraphProblem[] = [];
  const indexOf = indexKeys(nodes);
  for (const [index, { key }] of nodes.entries()) {
    const firstIndex = indexOf.get(key) ?? index;
    if (firstIndex !== index) problems.push({ kind: "duplicate_key", key, index, firstIndex });
  }
  const namedBy = new Int32Array(nodes.length).fill(-1);
  for (const [index, { key, dependsOn }] of nodes.entries()) {
    for (const [position, dependency] of dependsOn.entries()) {
      const target = indexOf.get(dependency);
      if (target === undefined) {
        problems.push({ kind: "unknown_dependency", key, dependency, index, position });
        continue;
      }
      if (namedBy[target] === index) {
        problems.push({ kind: "duplicate_dependency", key, dependency, index, position });
      } else if (dependency === key) problems.push({ kind: "self_dependency", key, index, position });
      namedBy[target] = index;
    }
  }
  for (const cycle of findCycles(nodes, indexOf)) {
    const [index = 0] = cycle;
    // A job that waits for itself alone was found above.
    if (cycle.length > 2) problems.push({ kind: "cycle", cycle: namesOf(nodes, cycle), index });
  }
  return problems;
};

/**
 * A cycle in order, each key depending on the next, as in `["a", "b", "c", "a"]`, or null where there is none.
 * It starts at the job that comes first among `nodes`. Dependencies that are not among `nodes` are ignored.
 */
export const detectCycle = (nodes: readonly GraphNode[]): string[] | null => {
  const [cycle] = findCycles(nodes);
  return cycle === undefined ? null : namesOf(nodes, cycle);
};

export type ExecutionOrder = { ok: true; groups: string[][] } | { ok: false; cycle: string[] };

/**
 * The groups of jobs that may run side by side, in order: a job is in the first group that comes after all that it
 * depends on. Within a group the order of `nodes` is kept. Dependencies that are not among `nodes` are ignored.
 */
export const executionOrder = (nodes: readonly GraphNode[]): ExecutionOrder => {
  const graph = indexGraph(nodes);
  const order = topologicalOrder(graph);
  if (order.length < nodes.length) return { ok: false, cycle: detectCycle(nodes) ?? [] };
  const level = new Int32Array(nodes.length);
  const groups: string[][] = [];
  for (const node of order) {
    for (let edge = at(graph.dependencyStart, node); edge < at(graph.dependencyStart, node + 1); edge++) {
      level[node] = Math.max(at(level, node), at(level, at(graph.dependencies, edge)) + 1);
    }
  }
  for (const [index, { key }] of nodes.entries()) (groups[at(level, index)] ??= []).push(key);
  // A job of level n depends on one of level n - 1, so every level up to the highest has a group.
  return { ok: true, groups };
};

export type CriticalPath = { ok: true; path: string[]; weight: number } | { ok: false; cycle: string[] };

/**
 * The heaviest chain of jobs that wait for each other, in running order, and its weight: no schedule is shorter.
 * `weightOf` gives a job's weight, which must not be negative, in any unit. Of equal chains the one whose last job
 * comes first among `nodes` is taken. The longest path of an acyclic graph, by dynamic programming along a
 * topological order (Sedgewick and Wayne, Algorithms, 4th edition, section 4.4).
 */
export const criticalPath = <Node extends GraphNode>(
  nodes: readonly Node[],
  weightOf: (node: Node) => number,
): CriticalPath => {
  const graph = indexGraph(nodes);
  const order = topologicalOrder(graph);
  if (order.length < nodes.length) return { ok: false, cycle: detectCycle(nodes) ?? [] };
  const weights = Float64Array.from(nodes, weightOf);
  const before = new Int32Array(nodes.length).fill(-1);
  for (const node of order) {
    let longest = 0;
    for (let edge = at(graph.dependencyStart, node); edge < at(graph.dependencyStart, node + 1); edge++) {
      const dependency = at(graph.dependencies, edge);
      if (at(before, node) !== -1 && at(weights, dependency) <= longest) continue;
      longest = at(weights, dependency);
      before[node] = dependency;
    }
    weights[node] = at(weights, node) + longest;
  }
  let last = nodes.length === 0 ? -1 : 0;
  for (const [index, weight] of weights.entries()) if (weight > at(weights, last)) last = index;
  const weight = last === -1 ? 0 : at(weights, last);
  const path: number[] = [];
  for (let node = last; node !== -1; node = at(before, node)) path.push(node);
  return { ok: true, path: namesOf(nodes, path.toReversed()), weight };
};

/** Adjacency in compressed rows: what node n depends on is `dependencies[dependencyStart[n]..dependencyStart[n + 1]]`. */
interface IndexedGraph {
  readonly size: number;
  readonly dependencyStart: Int32Array;
  readonly dependencies: Int32Array;
  readonly dependentStart: Int32Array;
  readonly dependents: Int32Array;
}

/** An element of a typed array that is known to be within its bounds. */
const at = (array: Int32Array | Float64Array, index: number): number => array[index] ?? 0;

const namesOf = (nodes: readonly GraphNode[], indices: readonly number[]): string[] =>
  indices.map((index) => nodes[index]?.key ?? "");

/** Where each key is first. */
const indexKeys = (nodes: readonly GraphNode[]): ReadonlyMap<string, number> => {
  const indexOf = new Map<string, number>();
  for (const [index, { key }] of nodes.entries()) if (!indexOf.has(key)) indexOf.set(key, index);
  return indexOf;
};

const indexGraph = (nodes: readonly GraphNode[], indexOf = indexKeys(nodes)): IndexedGraph => {
  const size = nodes.length;
  const dependencyStart = new Int32Array(size + 1);
  const dependentStart = new Int32Array(size + 1);
  const found: number[] = [];
  for (const [index, { dependsOn }] of nodes.entries()) {
    for (const key of dependsOn) {
      const dependency = indexOf.get(key);
      if (dependency === undefined) continue;
      found.push(dependency);
      dependentStart[dependency + 1] = at(dependentStart, dependency + 1) + 1;
    }
    dependencyStart[index + 1] = found.length;
  }
  for (let index = 0; index < size; index++) {
    dependentStart[index + 1] = at(dependentStart, index + 1) + at(dependentStart, index);
  }

  const dependencies = Int32Array.from(found);
  const dependents = new Int32Array(found.length);
  const next = dependentStart.slice();
  for (let index = 0; index < size; index++) {
    for (let edge = at(dependencyStart, index); edge < at(dependencyStart, index + 1); edge++) {
      const dependency = at(dependencies, edge);
      dependents[at(next, dependency)] = index;
      next[dependency] = at(next, dependency) + 1;
    }
  }
  return { size, dependencyStart, dependencies, dependentStart, dependents };
};

/**
 * The nodes, each after all that it depends on. Those on a cycle or behind one are left out.
 * A. B. Kahn, "Topological sorting of large networks", Communications of the ACM 5 (11), 1962.
 */
const topologicalOrder = (graph: IndexedGraph): Int32Array => {
  const unmet = new Int32Array(graph.size);
  const order = new Int32Array(graph.size);
  let length = 0;
  for (let node = 0; node < graph.size; node++) {
    unmet[node] = at(graph.dependencyStart, node + 1) - at(graph.dependencyStart, node);
    if (unmet[node] === 0) order[length++] = node;
  }
  for (let done = 0; done < length; done++) {
    const node = at(order, done);
    for (let edge = at(graph.dependentStart, node); edge < at(graph.dependentStart, node + 1); edge++) {
      const dependent = at(graph.dependents, edge);
      unmet[dependent] = at(unmet, dependent) - 1;
      if (unmet[dependent] === 0) order[length++] = dependent;
    }
  }
  return order.subarray(0, length);
};

/**
 * Cycles that share no node, each closed (the first node is also the last) and starting at its lowest node, lowest
 * first; none only where the graph has none. Every node that Kahn's algorithm leaves over depends on another such
 * node. Following one such dependency from each can only end in a cycle, and the cycles of a function are disjoint.
 */
const findCycles = (nodes: readonly GraphNode[], indexOf = indexKeys(nodes)): number[][] => {
  const graph = indexGraph(nodes, indexOf);
  const order = topologicalOrder(graph);
  if (order.length === graph.size) return [];
  const left = new Uint8Array(graph.size).fill(1);
  for (const node of order) left[node] = 0;

  const cycles: number[][] = [];
  const walkOf = new Int32Array(graph.size);
  for (let start = 0; start < graph.size; start++) {
    if (left[start] === 0) continue;
    const path: number[] = [];
    let node = start;
    while (walkOf[node] === 0) {
      walkOf[node] = start + 1;
      path.push(node);
      node = firstLeft(graph, left, node);
    }
    if (walkOf[node] === start + 1) cycles.push(closed(path.slice(path.indexOf(node))));
  }
  return cycles.toSorted(([a = 0], [b = 0]) => a - b);
};

/** The first dependency of `node` that was left over; itself where it waits for nothing but itself. */
const firstLeft = (graph: IndexedGraph, left: Uint8Array, node: number): number => {
  const start = at(graph.dependencyStart, node);
  const end = at(graph.dependencyStart, node + 1);
  for (let edge = start; edge < end; edge++) {
    const dependency = at(graph.dependencies, edge);
    if (left[dependency] === 1 && dependency !== node) return dependency;
  }
  return node;
};

/** A ring of nodes turned to begin with the lowest, which is repeated at its end. */
const closed = (ring: readonly number[]): number[] => {
  const first = ring.indexOf(ring.reduce((lowest, node) => Math.min(lowest, node)));
  return [...ring.slice(first), ...ring.slice(0, first + 1)];
};
