import fc from "fast-check";
import { detectCycle } from "office-server/domain/graph.ts";
import { newlyInvalid, type WaitingJob } from "office-server/domain/intake.ts";
import { describe, expect, test } from "vitest";

const waiting = (id: string, dependsOn: readonly string[] = [], overrides: Partial<WaitingJob> = {}): WaitingJob => ({
  id,
  key: null,
  title: `Do ${id}`,
  dependsOn,
  elsewhere: [],
  ...overrides,
});

describe("rows that can never run", () => {
  test("a cycle is named in order, on each of its jobs", () => {
    const invalid = newlyInvalid([waiting("a", ["b"]), waiting("b", ["c"]), waiting("c", ["a"]), waiting("d", ["a"])]);
    const message = "it is part of a cycle: Do a (a) → Do b (b) → Do c (c) → Do a (a)";
    expect(Object.fromEntries(invalid)).toEqual({ a: message, b: message, c: message });
  });

  test("of a long cycle some jobs are named, so that what is stored stays small", () => {
    const ring = Array.from({ length: 10_000 }, (_, index) => waiting(`${index}`, [`${(index + 1) % 10_000}`]));
    const message = newlyInvalid(ring).get("5000");
    expect(message).toMatch(/cycle: Do 0 \(0\) → Do 1 \(1\) → .* → Do 18 \(18\) → 9981 more → Do 0 \(0\)$/);
  });

  test("a job is named by its key where it has one", () => {
    const invalid = newlyInvalid([waiting("a", ["b"], { key: "first" }), waiting("b", ["a"])]);
    expect(invalid.get("a")).toBe("it is part of a cycle: first (a) → Do b (b) → first (a)");
  });

  test("every cycle is found", () => {
    const jobs = [
      waiting("a", ["b"]),
      waiting("b", ["a"]),
      waiting("c", ["d"]),
      waiting("d", ["c"]),
      waiting("e", ["a"]),
    ];
    expect([...newlyInvalid(jobs).keys()].toSorted()).toEqual(["a", "b", "c", "d"]);
  });

  test("a job that depends on itself, be it also on a cycle", () => {
    const invalid = newlyInvalid([waiting("a", ["a"]), waiting("b", ["b", "c"]), waiting("c", ["b"])]);
    expect(Object.fromEntries(invalid)).toEqual({ a: "it depends on itself", b: "it depends on itself" });
  });

  test("a dependency in another office", () => {
    const invalid = newlyInvalid([waiting("a", ["x"], { elsewhere: ["x"] }), waiting("b", ["a"])]);
    expect(Object.fromEntries(invalid)).toEqual({ a: "it depends on job x, which belongs to another office" });
  });
});

describe("rows that may run", () => {
  test("a dependency that is not there yet, or done long ago, is no fault", () => {
    expect(newlyInvalid([waiting("a", ["nowhere"]), waiting("b", ["a", "a"])])).toEqual(new Map());
  });

  test("what is left of any graph has no cycle, and a graph without one loses nothing", () => {
    const graph = fc
      .array(fc.array(fc.nat({ max: 11 }), { maxLength: 3 }), { minLength: 1, maxLength: 12 })
      .map((edges) => edges.map((targets, id) => waiting(`${id}`, targets.map(String))));
    fc.assert(
      fc.property(graph, (jobs) => {
        const invalid = newlyInvalid(jobs);
        const asNodes = (list: readonly WaitingJob[]) => list.map(({ id, dependsOn }) => ({ key: id, dependsOn }));
        expect(detectCycle(asNodes(jobs.filter(({ id }) => !invalid.has(id))))).toBeNull();
        expect(invalid.size > 0).toBe(detectCycle(asNodes(jobs)) !== null);
      }),
    );
  });

  test("thousands of small cycles are found in linear time", () => {
    const pairs = Array.from({ length: 40_000 }, (_, index) =>
      waiting(`${index}`, [`${index % 2 === 0 ? index + 1 : index - 1}`]),
    );
    expect(newlyInvalid(pairs).size).toBe(40_000);
  });
});
