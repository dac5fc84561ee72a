/** Writes plan.schema.json, which editors use, from the zod schema. With `--check` it only compares. */
// oxlint-disable no-restricted-imports -- run by developers, never part of what the browser gets
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { planSchema } from "../plan.ts";

const target = fileURLToPath(new URL("../../plan.schema.json", import.meta.url));

/** The JSON Schema of a plan file, as text that is formatted like the rest of the code. */
export const planJsonSchema = (): string => {
  const { $schema, ...rest } = z.toJSONSchema(planSchema, { io: "input" });
  return `${inlineLists(JSON.stringify({ $schema, title: "Office Scheduler plan", ...rest }, null, 2))}\n`;
};

const inlineLists = (json: string): string =>
  json.replaceAll(/\[\n\s+("[^"\n]*"(?:,\n\s+"[^"\n]*")*)\n\s+\]/g, (_, items: string) => {
    return `[${items.replaceAll(/\n\s+/g, " ")}]`;
  });

const isCurrent = (): boolean => {
  try {
    return readFileSync(target, "utf8") === planJsonSchema();
  } catch {
    return false;
  }
};

if (import.meta.main) {
  if (!process.argv.includes("--check")) writeFileSync(target, planJsonSchema());
  else if (!isCurrent()) {
    console.error("plan.schema.json is stale: run node packages/office-contract/src/generate/planSchema.ts");
    process.exitCode = 1;
  }
}
