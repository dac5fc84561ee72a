/** Writes docs/openapi.json from the routes; with --check, fails when the file is not what it would write. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createOpenApi } from "../api/openapi.ts";

const text = `${JSON.stringify(createOpenApi(), null, 2)}\n`;
const path = join(import.meta.dirname, "../../../../docs/openapi.json");
if (!process.argv.includes("--check")) {
  writeFileSync(path, text);
} else if (readFileSync(path, "utf8") !== text) {
  process.stderr.write("docs/openapi.json is not what the routes say: run `npm run generate`\n");
  process.exitCode = 1;
}
