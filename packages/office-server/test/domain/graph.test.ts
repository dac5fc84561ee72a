import {
  criticalPath,
  detectCycle,
  executionOrder,
  type GraphNode,
  validateGraph,
} from "office-server/domain/graph.ts";
import { describe, expect, test } from "vitest";

/** `graph("a", "b: a", "c: a b")`. */
const graph = (...lines: string[]): GraphNode[] =>
  lines.map((line) => {
    const [key = "", dependencies = ""] = line.split(":");
    return { key, dependsOn: dependencies.split(" ").filter((name) => name !== "") };
  });

describe("executionOrder", () => {
  test("groups what can run side by side, in the order of the input", () => {
    expect(executionOrder(graph("e: b d", "b: a", "a", "d: a", "z", "c: b"))).toEqual({
      ok: true,
      groups: [
        ["a", "z"],
        ["b", "d"],
        ["e", "c"],
      ],
    });
  });

  test("of nothing is nothing", () => {
    expect(executionOrder([])).toEqual({ ok: true, groups: [] });
  });

  test("ignores dependencies outside the graph, such as jobs that are done", () => {
    expect(executionOrder(graph("b: done a", "a: done"))).toEqual({ ok: true, groups: [["a"], ["b"]] });
  });

  test("names the cycle where there is one", () => {
    expect(executionOrder(graph("z", "a: b", "b: a"))).toEqual({ ok: false, cycle: ["a", "b", "a"] });
  });

  test("keys may be any text", () => {
    expect(executionOrder(graph("__proto__", "constructor: __proto__", ": toString", "toString"))).toEqual({
      ok: true,
      groups: [
        ["__proto__", "toString"],
        ["constructor", ""],
      ],
    });
  });
});

describe("detectCycle", () => {
  test("names a cycle in order, each depending on the next, and starts at its first job", () => {
    expect(detectCycle(graph("start", "c: a", "a: b", "b: start c", "after: c"))).toEqual(["c", "a", "b", "c"]);
  });

  test("finds a job that waits for itself", () => {
    expect(detectCycle(graph("a", "b: a b"))).toEqual(["b", "b"]);
  });

  test("finds none in a diamond", () => {
    expect(detectCycle(graph("a", "b: a", "c: a", "d: b c"))).toBeNull();
  });
});

describe("validateGraph", () => {
  test("reports every problem and where it is", () => {
    expect(validateGraph(graph("a: x", "b: b", "a", "c: a a", "p: q", "q: r", "r: p", "s: s t", "t: s"))).toEqual([
      { kind: "duplicate_key", key: "a", index: 2, firstIndex: 0 },
      { kind: "unknown_dependency", key: "a", dependency: "x", index: 0, position: 0 },
      { kind: "self_dependency", key: "b", index: 1, position: 0 },
      { kind: "duplicate_dependency", key: "c", dependency: "a", index: 3, position: 1 },
      { kind: "self_dependency", key: "s", index: 7, position: 0 },
      { kind: "cycle", cycle: ["p", "q", "r", "p"], index: 4 },
      { kind: "cycle", cycle: ["s", "t", "s"], index: 7 },
    ]);
  });

  test("has nothing to say of a sound graph", () => {
    expect(validateGraph(graph("c: b a", "b: a", "a"))).toEqual([]);
  });
});

describe("criticalPath", () => {
  test("is the longest chain where all weigh the same", () => {
    expect(criticalPath(graph("a", "b: a", "c: b a", "x", "y: x"), () => 1)).toEqual({
      ok: true,
      path: ["a", "b", "c"],
      weight: 3,
    });
  });

  test("is the heaviest chain where they do not", () => {
    const weights = new Map([["x", 10]]);
    expect(criticalPath(graph("a", "b: a", "x", "c: b x"), ({ key }) => weights.get(key) ?? 1)).toEqual({
      ok: true,
      path: ["x", "c"],
      weight: 11,
    });
  });

  test("of nothing is nothing", () => {
    expect(criticalPath([], () => 1)).toEqual({ ok: true, path: [], weight: 0 });
  });

  test("cannot be told of a cycle", () => {
    expect(criticalPath(graph("a: b", "b: a"), () => 1)).toEqual({ ok: false, cycle: ["a", "b", "a"] });
  });
});

describe("large graphs", () => {
  const layered = (jobs: number): GraphNode[] =>
    Array.from({ length: jobs }, (_, index) => ({
      key: `job-${index}`,
      dependsOn: index < 300 ? [] : [`job-${index - 300}`, `job-${index - (index % 299) - 1}`],
    }));
  const chain = (jobs: number): GraphNode[] =>
    Array.from({ length: jobs }, (_, index) => ({ key: `${index}`, dependsOn: index === 0 ? [] : [`${index - 1}`] }));

  /** Processor time, the least of five runs: what else the machine does is not measured. */
  const costMs = (work: () => void): number =>
    Math.min(
      ...[1, 2, 3, 4, 5].map(() => {
        const start = process.cpuUsage();
        work();
        const { user, system } = process.cpuUsage(start);
        return (user + system) / 1000;
      }),
    );

  test("100,000 jobs with 200,000 edges are checked and ordered in well under a second", () => {
    const nodes = layered(100_000);
    expect(validateGraph(nodes)).toEqual([]);
    const work = () => [validateGraph(nodes), executionOrder(nodes), criticalPath(nodes, () => 1)];
    expect(costMs(work)).toBeLessThan(1000);
  });

  test("100 jobs with 200 edges take less than 5 ms", () => {
    const keys = Array.from({ length: 100 }, (_, index) => `${index}`);
    const nodes = keys.map((key, index) => ({ key, dependsOn: keys.slice(Math.max(0, index - 2), index) }));
    const work = () => [validateGraph(nodes), executionOrder(nodes), criticalPath(nodes, () => 1)];
    expect(costMs(work)).toBeLessThan(5);
  });

  test("a chain of 100,000 needs no stack, nor does a ring", () => {
    const nodes = chain(100_000);
    expect(criticalPath(nodes, () => 1)).toMatchObject({ weight: 100_000 });
    const ring = [{ key: "0", dependsOn: ["99999"] }, ...nodes.slice(1)];
    expect(detectCycle(ring)).toHaveLength(100_001);
  });

  test("a thousand jobs that all depend on all others end quickly", () => {
    const keys = Array.from({ length: 1000 }, (_, index) => `${index}`);
    const nodes = keys.map((key) => ({ key, dependsOn: keys.filter((other) => other !== key) }));
    expect(validateGraph(nodes)).toEqual([{ kind: "cycle", cycle: ["0", "1", "0"], index: 0 }]);
    expect(costMs(() => validateGraph(nodes))).toBeLessThan(2000);
  });
});
