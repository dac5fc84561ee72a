import { copyFileSync, existsSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, test } from "vitest";
import { problemsOf } from "./support/history.ts";
import { setup } from "./support/officeFolder.ts";
import { expectationsOf } from "./support/planFile.ts";

const root = join(import.meta.dirname, "..");
/** Recordings that are not part of the repository, where somebody has put them beside it. */
const recordings = join(root, "../shared/plans");
const recorded = existsSync(recordings) ? readdirSync(recordings).map((name) => join(recordings, name)) : [];

async function runToItsEnd(plan: string, database: boolean) {
  const folder = await setup({ database });
  copyFileSync(plan, folder.at(basename(plan)));
  const run = await folder.run(basename(plan));
  const exit = await run.exit;
  if (exit !== 0) throw new Error(`it ended with ${exit}: ${run.stderr}`);
  const expectations = await expectationsOf(plan);
  const problems = problemsOf(run.events, expectations);
  const left = expectations.dependencies.size - (run.summary.jobs["done"] ?? 0);
  return { folder, run, history: { problems, left } };
}

const SOUND = { problems: [], left: 0 };

test("the example of the README, on a database that comes along", async () => {
  const { run, history } = await runToItsEnd(join(root, "examples/hello.yaml"), false);
  expect(history).toEqual(SOUND);
  expect(run.stderr).toBe("");
  expect(run.story("job_completed").at(-1)).toBe("completed work");
});

test("59 jobs that read what those before them have written", async () => {
  const { folder, history } = await runToItsEnd(join(import.meta.dirname, "plans/mosaic.yaml"), true);
  expect(history).toEqual(SOUND);
  // Every path from the survey to the report ends there as a line.
  expect(new Set(folder.lines("report.out"))).toEqual(new Set(["survey"]));
});

describe.skipIf(recorded.length === 0)("recorded workflows", () => {
  test.each(recorded.map((path) => [basename(path), path]))("%s", async (_, path) => {
    expect((await runToItsEnd(path, true)).history).toEqual(SOUND);
  });
});
