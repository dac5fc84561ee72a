import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { checkBinaries } from "../../../src/db/embedded/binaries.ts";
import { EmbeddedPostgresError } from "../../../src/db/embedded/errors.ts";

/** Checks a program that does this instead of being PostgreSQL. */
function check(script: string): void {
  const folder = mkdtempSync(join(tmpdir(), "office-binaries-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const postgres = join(folder, "postgres");
  writeFileSync(postgres, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  checkBinaries({ postgres, initdb: postgres }, null);
}

test("a program that runs is fine, and so is one that Ctrl-C has ended together with us", () => {
  for (const script of ["exit 0", "kill -INT $$", "kill -HUP $$"]) expect(() => check(script), script).not.toThrow();
});

test.for([
  ["echo wrong machine >&2; exit 126", "(wrong machine). Run `npm ci` again"],
  ["kill -SEGV $$", "(SIGSEGV). Run `npm ci` again"],
  ["echo error while loading shared libraries: libpq >&2; exit 127", "run `npm rebuild --ignore-scripts=false`"],
] as const)("%s: says why, and what to do", ([script, said]) => {
  const checking = (): void => check(script);
  expect(checking).toThrow(EmbeddedPostgresError);
  expect(checking).toThrow(said);
});
