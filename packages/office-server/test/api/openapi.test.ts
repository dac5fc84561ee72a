import { Validator } from "@seriousme/openapi-schema-validator";
import { PROBLEMS } from "office-contract/api/problems.ts";
import { type Route, type RouteName, ROUTES } from "office-contract/api/routes.ts";
import { createOpenApi, problemsOf } from "office-server/api/openapi.ts";
import { BODY_EXAMPLES } from "office-server/api/openapi/examples.ts";
import { describe, expect, test } from "vitest";

interface Operation {
  operationId: string;
  parameters?: { in: string; name: string; schema: { type?: unknown; anyOf?: unknown } }[];
  responses: Record<string, { content?: Record<string, unknown> }>;
}
type Schema = Record<string, unknown>;

const document = JSON.parse(JSON.stringify(createOpenApi())) as {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
};
const routes = Object.entries(ROUTES) as [RouteName, Route][];
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
);

test("is valid OpenAPI 3.1", async () => {
  const validator = new Validator({ strict: false });
  const result = await validator.validate(structuredClone(document));
  expect(result).toEqual({ valid: true });
  expect(validator.version).toBe("3.1");
  expect(() => validator.resolveRefs()).not.toThrow();
});

test("has every route, and nothing else", () => {
  const described = operations.map(({ path, method, operation }) => `${operation.operationId} ${method} ${path}`);
  const known = routes.map(([name, { method, path }]) => `${name} ${method} /api${path.replaceAll(/:(\w+)/g, "{$1}")}`);
  expect(new Set(described)).toEqual(new Set(known));
  expect(described).toHaveLength(known.length);
});

test.each(operations)("$operation.operationId names each parameter and each way to end", ({ path, operation }) => {
  const route: Route = ROUTES[operation.operationId as RouteName];
  const { parameters = [], responses } = operation;
  const names = (place: string) => parameters.filter((found) => found.in === place).map(({ name }) => name);
  expect(names("path")).toEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name));
  expect(names("query")).toEqual(Object.keys(route.query?.shape ?? {}));
  expect(names("header")).toEqual(Object.keys(route.headers?.shape ?? {}));
  const statuses = new Set([route.status, ...problemsOf(route).map((code) => PROBLEMS[code].status)]);
  expect(new Set(Object.keys(responses).map(Number))).toEqual(statuses);
});

test.each(["limit", "after", "attempt", "tail", "last-event-id"])("says that %s is a whole number", (name) => {
  const found = operations
    .flatMap(({ operation }) => operation.parameters ?? [])
    .filter((other) => other.name === name);
  expect(found.map(({ schema }) => schema.type)).toEqual(found.map(() => "integer"));
  expect(found).not.toEqual([]);
});

describe("can be read by generators of clients", () => {
  /** Every schema of the document. */
  const schemas: Schema[] = [];
  const collect = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    if (!Array.isArray(value)) schemas.push(value as Schema);
    for (const part of Object.values(value)) collect(part);
  };
  collect(document);
  const of = (field: string) => schemas.flatMap((schema) => (typeof schema[field] === "string" ? [schema] : []));

  test("patterns have nothing that only JavaScript knows", () => {
    const patterns = new Set(of("pattern").map(({ pattern }) => String(pattern)));
    expect([...patterns].filter((pattern) => /\\[pPu]|\(\?[!=<]/.test(pattern))).toEqual([]);
    expect(of("pattern").filter(({ format }) => format === "uuid" || format === "date-time")).toEqual([]);
  });

  test("numbers that need 64 bits say so", () => {
    const large = schemas.filter(({ type, maximum }) => type === "integer" && Number(maximum ?? Infinity) > 2 ** 31);
    expect(large.length).toBeGreaterThan(10);
    expect(large.filter(({ format }) => format !== "int64")).toEqual([]);
  });

  test("nothing is left to guess", () => {
    expect(schemas.filter((schema) => "not" in schema || "const" in schema || "$defs" in schema)).toEqual([]);
    expect(JSON.stringify(document)).not.toContain("undefined");
  });

  test("what comes back may grow", () => {
    const answers = [
      "Office",
      "Job",
      "JobDetails",
      "JobEvent",
      "Execution",
      "Key",
      "Webhook",
      "Problem",
      "JobQueueStats",
    ];
    for (const name of answers) expect(document.components.schemas[name]).not.toHaveProperty("additionalProperties");
    for (const name of ["SubmitJobs", "CreateOffice"]) {
      expect(document.components.schemas[name]).toHaveProperty("additionalProperties", false);
    }
  });
});

test.each(Object.entries(BODY_EXAMPLES))("the example of %s is right", (name, example) => {
  const { body }: Route = ROUTES[name as RouteName];
  expect(body?.safeParse(example)).toMatchObject({ success: true });
});
