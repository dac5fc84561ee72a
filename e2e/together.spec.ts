import type { JobEvent } from "office-contract/events.ts";
import { expect, test } from "vitest";
import { type Expectations, problemsOf } from "./support/history.ts";
import { setup } from "./support/officeFolder.ts";
import type { OfficeRun } from "./support/officeRun.ts";
import { expectationsOf } from "./support/planFile.ts";

const jobs = ["a", "b", "c", "d", "e"].map((key, index, keys) => ({
  key,
  run: "true",
  depends_on: keys.slice(0, index).filter((_, other) => other % 2 === index % 2),
}));

/** The events of two tasks of one office as one history, in which their jobs have different keys. */
function merged(runs: readonly OfficeRun[]): JobEvent[] {
  const events = runs.flatMap((run, index) =>
    run.events.map((event) => ({ ...event, job_key: `${index}${event.job_key}` })),
  );
  return events.toSorted((one, other) => one.seq - other.seq);
}

function mergedExpectations(count: number, { dependencies, limits }: Expectations): Expectations {
  const all = Array.from({ length: count }, (_, run) =>
    [...dependencies].map(([key, others]) => [`${run}${key}`, others.map((other) => `${run}${other}`)] as const),
  );
  return { dependencies: new Map(all.flat()), limits };
}

test("the same plan twice at the same time, from scratch: one database, one office, its limits kept", async () => {
  const folder = await setup({ database: false });
  const plan = folder.plan({ limits: { maxConcurrentJobs: 2 }, jobs });
  const runs = [1, 2].map(() => folder.start(["run", plan, "--json"]));
  for (const run of runs) expect(await run.exit, run.stderr).toBe(0);
  const expectations = mergedExpectations(2, await expectationsOf(folder.at(plan)));
  expect(problemsOf(merged(runs), expectations)).toEqual([]);
});

test("another plan while one is running, by which the database stays as long as it is needed", async () => {
  const folder = await setup({ database: false });
  const waiting = [
    { key: "a", run: "touch begun; until test -e go; do sleep 0.02; done" },
    { key: "b", run: "true", depends_on: ["a"] },
  ];
  const run = folder.start(["run", folder.plan({ jobs: waiting }, "long.yaml"), "--json"]);
  await folder.fileAppears("begun");
  const short = await folder.run(folder.plan({ jobs }, "short.yaml"));
  expect(await short.exit, short.stderr).toBe(0);
  expect(problemsOf(short.events, await expectationsOf(folder.at("short.yaml")))).toEqual([]);
  folder.write("go", "");
  expect(await run.exit, run.stderr).toBe(0);
  expect(problemsOf(run.events, await expectationsOf(folder.at("long.yaml")))).toEqual([]);
});
