import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "../../../..");
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");

/** Read by others than platform/config.ts. */
const ELSEWHERE = ["SESSION_ENV", "WORKERS"];

test("docs/operating.md lists every variable of the environment", () => {
  const [, table = ""] = /## Environment\n([\s\S]*?)\n## /.exec(read("docs/operating.md")) ?? [];
  const listed = [...table.matchAll(/^\| `([A-Z_]+)`/gm)].map(([, name]) => name);
  const source = read("packages/office-server/src/platform/config.ts");
  const known = [...source.matchAll(/^ {2}([A-Z_]+): /gm)].map(([, name]) => name);
  expect(known.length).toBeGreaterThan(15);
  expect(listed).toEqual([...known, ...ELSEWHERE]);
});
