import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";

/** Plays npm: what is named in BROKEN fails, and the tests leave the count that is given in COUNT. */
const NPM = `#!/bin/sh
case $1 in
  run) step=$3 ;;
  *) step=$1 ;;
esac
if [ "$step" = test ]; then printf %s "$COUNT" >"$TEST_COUNT_FILE"; fi
case " $BROKEN " in *" $step "*) exit 3 ;; esac
`;

const CHECKS = 5;

function runChecks({ broken = "", count = '{"passed":10,"failed":0}' } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "office-ci-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, ".ci"));
  copyFileSync(".ci/run", join(folder, ".ci/run"));
  writeFileSync(join(folder, "npm"), NPM);
  chmodSync(join(folder, "npm"), 0o755);
  const env = { PATH: folder + delimiter + process.env["PATH"], BROKEN: broken, COUNT: count };
  const { status, stdout } = spawnSync(join(folder, ".ci/run"), { encoding: "utf8", env });
  return { status, last: stdout.trim().split("\n").at(-1) };
}

test("all is well", () => {
  expect(runChecks()).toEqual({ status: 0, last: `${10 + CHECKS} passed, 0 failed` });
});

test("a failed test", () => {
  const count = '{"passed":9,"failed":1}';
  expect(runChecks({ broken: "test", count })).toEqual({ status: 1, last: `${9 + CHECKS} passed, 1 failed` });
});

test("a failed check does not keep the others from being made", () => {
  expect(runChecks({ broken: "lint" })).toEqual({ status: 1, last: `${10 + CHECKS - 1} passed, 1 failed` });
});

test("tests that fail without a count, or in spite of it", () => {
  expect(runChecks({ broken: "test", count: "" })).toEqual({ status: 1, last: `${CHECKS} passed, 1 failed` });
  expect(runChecks({ broken: "test" })).toEqual({ status: 1, last: `${10 + CHECKS} passed, 1 failed` });
});

test("a count that is missing though the tests are said to have passed", () => {
  expect(runChecks({ count: "" })).toEqual({ status: 1, last: `${CHECKS} passed, 1 failed` });
});

test("an installation that fails", () => {
  expect(runChecks({ broken: "ci" })).toEqual({ status: 3, last: "0 passed, 1 failed" });
});
