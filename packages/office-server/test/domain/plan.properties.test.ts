import fc from "fast-check";
import { executionOrder } from "office-server/domain/graph.ts";
import { parsePlan } from "office-server/domain/plan.ts";
import { expect, test } from "vitest";
import { stringify } from "yaml";

const source = { file: "plan.yaml", directory: "/plans" };

/** Errors without a place in the text, or without a message of one line that is meant for people. */
const unsoundErrors = (text: string): unknown[] => {
  const result = parsePlan(text, source);
  if (result.ok) return [];
  const lineCount = text.split("\n").length;
  const unsound = result.errors.filter(
    ({ file, line, column, message }) =>
      file !== "plan.yaml" ||
      line < 1 ||
      line > lineCount + 1 ||
      column < 1 ||
      /\p{Cc}|undefined|\[object|Error:/u.test(message.replaceAll(/"(?:\\.|[^"\\])*"/g, "")),
  );
  return result.errors.length === 0 ? ["a refusal without a reason"] : unsound;
};

const valid = `office: x
limits: { maxConcurrentByRole: { BE: 1 }, retryBaseDelay: 5s }
roles:
  BE: &be { command: [x, "{{prompt}}"], timeout: 30m, env: { A: b } }
jobs:
  - key: a
    role: BE
  - { key: b, run: "echo", depends_on: [a], priority: -5 }
  - { <<: *be, key: c, depends_on: [a, b] }
`;

test("junk never throws", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.json()), (text) => {
      expect(unsoundErrors(text)).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

test("what looks like YAML never throws", () => {
  const piece = fc.constantFrom(
    ..."jobs: |- |key: |a|\n|\n  |\n    |[|]|{|}|, |&a |*a|<<: |? |: |\"|'|# |!x |%YAML 1.1\n|---\n|...\n|~|1|0x1f|.inf|2001-01-01|!!set |!!binary |\t|\r\n|\0|depends_on: |env: |>".split(
      "|",
    ),
    "|",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      expect(unsoundErrors(pieces.join(""))).toEqual([]);
    }),
    { numRuns: 1000 },
  );
});

test("a plan with a part of it changed never throws", () => {
  fc.assert(
    fc.property(
      fc.nat({ max: valid.length }),
      fc.nat({ max: 20 }),
      fc.string({ unit: "binary", maxLength: 4 }),
      (at, cut, text) => {
        expect(unsoundErrors(valid.slice(0, at) + text + valid.slice(at + cut))).toEqual([]);
      },
    ),
    { numRuns: 300 },
  );
});

test("any values in any field never throw", () => {
  const field = fc.constantFrom(
    "key",
    "role",
    "title",
    "prompt",
    "run",
    "command",
    "depends_on",
    "priority",
    "timeout",
    "retries",
    "env",
    "cwd",
    "other",
  );
  const job = fc.dictionary(field, fc.jsonValue({ maxDepth: 2 }), { noNullPrototype: true });
  fc.assert(
    fc.property(fc.array(job, { maxLength: 5 }), (jobs) => {
      expect(unsoundErrors(stringify({ jobs }, { aliasDuplicateObjects: false }))).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

const name = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 12 })
  .filter((text) => text.trim() !== "" && !/\p{Cc}/u.test(text) && text.isWellFormed());

test("a plan that is written as YAML or JSON is read as the same jobs and the same graph", () => {
  const plan = fc.uniqueArray(name, { minLength: 1, maxLength: 12 }).chain((keys) =>
    fc.tuple(
      ...keys.map((key, index) =>
        fc.record(
          {
            key: fc.constant(key),
            run: fc
              .string({ unit: "grapheme", minLength: 1 })
              .filter((text) => !text.includes("\0") && text.isWellFormed()),
            role: name,
            priority: fc.integer({ min: -100, max: 100 }),
            retries: fc.nat({ max: 100 }),
            timeout: fc.integer({ min: 1, max: 1_000_000 }),
            depends_on: fc.subarray(keys.slice(0, index)),
          },
          { requiredKeys: ["key", "run"], noNullPrototype: true },
        ),
      ),
    ),
  );
  fc.assert(
    fc.property(plan, fc.boolean(), (jobs, asJson) => {
      const result = parsePlan(asJson ? JSON.stringify({ jobs }) : stringify({ jobs }), source);
      if (!result.ok) throw new Error(result.errors[0]?.message);
      const graph = jobs.map(({ key, depends_on = [] }) => ({ key, dependsOn: depends_on }));
      expect(result.plan.jobs.map(({ key, dependsOn }) => ({ key, dependsOn }))).toEqual(graph);
      expect(executionOrder(result.plan.jobs)).toEqual(executionOrder(graph));
      expect(
        result.plan.jobs.map(({ session, role, priority, maxRetries, timeoutMs }) => [
          session.run,
          role,
          priority,
          maxRetries,
          timeoutMs,
        ]),
      ).toEqual(
        jobs.map(({ run, role = "default", priority = 0, retries = null, timeout = null }) => [
          run,
          role,
          priority,
          retries,
          timeout,
        ]),
      );
    }),
    { numRuns: 200 },
  );
});
