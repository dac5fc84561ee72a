import { readFileSync } from "node:fs";
import { planJsonSchema } from "office-contract/generate/planSchema.ts";
import { expect, test } from "vitest";

const stored = readFileSync(new URL("../plan.schema.json", import.meta.url), "utf8");

test("plan.schema.json is current (else run node packages/office-contract/src/generate/planSchema.ts)", () => {
  expect(stored).toBe(planJsonSchema());
});

interface Schema {
  description?: string;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | false;
  items?: Schema;
}

/** The names of all fields below a schema that a person has nothing to read about. */
const undescribed = (schema: Schema, name: string): string[] => [
  ...Object.entries(schema.properties ?? {}).flatMap(([field, inner]) => [
    ...(inner.description === undefined ? [`${name}.${field}`] : []),
    ...undescribed(inner, `${name}.${field}`),
  ]),
  ...(schema.additionalProperties ? undescribed(schema.additionalProperties, `${name}.*`) : []),
  ...(schema.items === undefined ? [] : undescribed(schema.items, `${name}[]`)),
];

test("every field has a description for the editor, and none is taken for granted", () => {
  const schema = JSON.parse(stored) as Schema;
  expect(undescribed(schema, "plan")).toEqual([]);
  expect(Object.keys(schema.properties ?? {})).toEqual(["office", "title", "limits", "roles", "jobs"]);
  expect(schema.additionalProperties).toBe(false);
  expect(schema.properties?.["jobs"]?.items?.additionalProperties).toBe(false);
});
