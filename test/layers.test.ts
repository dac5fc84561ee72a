import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const server = "packages/office-server/src";

/** For each layer: what it must not import, and what it may. */
const layers = [
  {
    file: "packages/office-contract/src/example.ts",
    forbidden: ["node:fs", "pg", "yaml", "office-server/domain/plan.ts", "office-cli/main.ts"],
    allowed: ["zod", "./vocabulary.ts", "../limits.ts"],
  },
  {
    file: `${server}/platform/example.ts`,
    forbidden: ["../domain/plan.ts", "../db/connection.ts", "../services/session/runtime.ts", "office-cli/main.ts"],
    allowed: ["node:fs", "./clock.ts", "zod", "office-contract/limits.ts"],
  },
  {
    file: `${server}/domain/plan/example.ts`,
    forbidden: [
      "node:fs",
      "node:fs/promises",
      "node:child_process",
      "node:net",
      "pg",
      "pino",
      "../../db/connection.ts",
      "../../services/session/runtime.ts",
      "../../platform/clock.ts",
      "../../api/server.ts",
      "office-server/db/connection.ts",
      "office-server/platform/clock.ts",
      "office-cli/main.ts",
    ],
    allowed: ["node:path", "zod", "yaml", "fastest-levenshtein", "./x.ts", "../graph.ts", "office-contract/limits.ts"],
  },
  {
    file: `${server}/db/example.ts`,
    forbidden: ["../services/session/runtime.ts", "../api/server.ts", "../workers/scheduler.ts", "office-cli/main.ts"],
    allowed: ["pg", "node:fs", "../domain/graph.ts", "../platform/clock.ts", "office-contract/limits.ts"],
  },
  {
    file: `${server}/services/scheduler/example.ts`,
    forbidden: ["../../api/server.ts", "../../workers/scheduler.ts", "office-cli/main.ts"],
    allowed: ["../../db/connection.ts", "../../domain/graph.ts", "../../platform/clock.ts", "../session/runtime.ts"],
  },
  {
    file: `${server}/api/example.ts`,
    forbidden: ["../workers/scheduler.ts", "pg", "office-cli/main.ts"],
    allowed: ["../services/session/runtime.ts", "../db/queries/jobs.ts", "../domain/errors.ts"],
  },
  {
    file: `${server}/workers/example.ts`,
    forbidden: ["office-cli/main.ts"],
    allowed: ["../services/session/runtime.ts", "../db/connection.ts"],
  },
];

interface Diagnostic {
  code: string;
  filename: string;
  help: string;
  message: string;
}

/** Diagnostics of the layer rules alone, for every file below `folder`. */
function lintLayers(folder: string): Diagnostic[] {
  const { stdout } = spawnSync(resolve("node_modules/.bin/oxlint"), ["--format", "json", "."], {
    cwd: folder,
    encoding: "utf8",
  });
  const { diagnostics } = JSON.parse(stdout) as { diagnostics: Diagnostic[] };
  return diagnostics.filter(({ code }) => code === "eslint(no-restricted-imports)");
}

let folder: string;
let found: Diagnostic[];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "office-layers-"));
  cpSync(".oxlintrc.json", join(folder, ".oxlintrc.json"));
  for (const { file, forbidden, allowed } of layers) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    const imports = [...forbidden, ...allowed].map((name, at) => `export { a as a${at} } from "${name}";\n`);
    writeFileSync(join(folder, file), imports.join(""));
  }
  found = lintLayers(folder);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each(layers)("$file", ({ file, forbidden, allowed }) => {
  const isRefused = (name: string): boolean =>
    found.some(({ filename, message }) => filename === file && message.startsWith(`'${name}'`));

  test.each(forbidden)("may not import %s", (name) => expect(isRefused(name)).toBe(true));
  test.each(allowed)("may import %s", (name) => expect(isRefused(name)).toBe(false));
});

test("each refusal says why", () => {
  expect(found.length).toBeGreaterThan(0);
  expect(found.filter(({ help }) => !help.includes(": "))).toEqual([]);
});
