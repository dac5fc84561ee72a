import type { JobEvent } from "office-contract/events.ts";
import { Database } from "office-server/db/connection.ts";
import { eventsAfter } from "office-server/db/queries/eventsAfter.ts";
import { waitUntil } from "office-server/platform/waitUntil.ts";
import { describe, expect, test } from "vitest";
import { problemsOf } from "./support/history.ts";
import { type OfficeFolder, setup } from "./support/officeFolder.ts";
import { expectationsOf } from "./support/planFile.ts";

/** Notes each time that it is run, and whether it was running already. */
const watched = (key: string, work: string): string =>
  `exec 9>${key}.lock; flock -n 9 || touch twice; echo "$ATTEMPT" >>${key}.runs; ${work}`;

/** A job that is finished, one that ends later, one that ends with its second run if not before, and what waits for them. */
const PLAN = {
  limits: { maxConcurrentJobs: 2, maxRetries: 0 },
  jobs: [
    { key: "early", run: watched("early", "true") },
    { key: "alone", run: watched("alone", "until test -e go; do sleep 0.02; done"), depends_on: ["early"] },
    {
      key: "again",
      run: watched("again", 'until test "$ATTEMPT" = 2 || test -e enough; do sleep 0.02; done'),
      depends_on: ["early"],
    },
    { key: "end", run: watched("end", "true"), depends_on: ["alone", "again"] },
  ],
};

/** The whole history of an office, as it is stored. */
async function storedEvents(folder: OfficeFolder, officeId: string): Promise<JobEvent[]> {
  const database = new Database({ connectionString: folder.environment["DATABASE_URL"] ?? "", schema: "public" });
  try {
    return await eventsAfter(database, officeId, 0, 1_000);
  } finally {
    await database.close();
  }
}

/** Resolves when the one session that runs belongs to another worker than the first one. */
async function takenOver(folder: OfficeFolder): Promise<void> {
  const database = new Database({ connectionString: folder.environment["DATABASE_URL"] ?? "", schema: "public" });
  try {
    const workers = async (): Promise<number> => {
      const text = "SELECT count(DISTINCT worker_id)::integer AS workers FROM job_executions";
      const [row] = await database.query<{ workers: number }>("", text);
      return row?.workers ?? 0;
    };
    const there = await waitUntil(async () => ((await workers()) === 2 ? true : null), {
      everyMs: 20,
      timeoutMs: 60_000,
    });
    expect(there).toBe(true);
  } finally {
    await database.close();
  }
}

/** Starts the plan, and lets it get to where two of its jobs run. */
async function startAndWait(folder: OfficeFolder) {
  const plan = folder.plan(PLAN);
  const run = folder.start(["run", plan, "--json"]);
  await folder.fileAppears("alone.runs");
  await folder.fileAppears("again.runs");
  const { execution_id: alone, office_id: officeId } = await run.event("job_started", "alone");
  return { run, plan, officeId, exitOfAlone: `.office/sessions/${alone}/exit.json` };
}

const runsOf = (folder: OfficeFolder) =>
  Object.fromEntries(PLAN.jobs.map(({ key }) => [key, folder.lines(`${key}.runs`)]));

test("kill -9 of PostgreSQL, and Ctrl-C at once: the sessions end, and so does the run", async () => {
  const folder = await setup({ database: false });
  const plan = folder.plan({ jobs: [{ key: "a", run: "touch begun; sleep 600" }] });
  const run = folder.start(["run", plan]);
  await folder.fileAppears("begun");
  process.kill(Number(folder.lines(".office/postgres/postmaster.pid")[0]), "SIGKILL");
  run.signalGroup("SIGINT");
  expect(await run.exit, run.stderr).toBe(130);
  // An outage is told in plain words.
  expect(`${run.stdout.join("\n")}${run.stderr}`).not.toContain('"stack"');
  expect(folder.processes()).toEqual([]);
});

describe("kill -9 of `office run`", () => {
  test("--resume honours what ended meanwhile, and goes on with what did not", async () => {
    const folder = await setup();
    const { run, plan, officeId, exitOfAlone } = await startAndWait(folder);
    run.signal("SIGKILL");
    await run.exit;
    folder.write("go", "");
    await folder.fileAppears(exitOfAlone);

    const resumed = folder.start(["run", plan, "--json", "--resume"]);
    await takenOver(folder);
    folder.write("enough", "");
    expect(await resumed.exit, resumed.stderr).toBe(0);
    expect(resumed.summary).toMatchObject({ ok: true, jobs: { done: 4 } });
    expect(runsOf(folder)).toEqual({ early: ["1"], alone: ["1"], again: ["1"], end: ["1"] });
    expect(folder.has("twice")).toBe(false);
    const events = await storedEvents(folder, officeId);
    expect(problemsOf(events, await expectationsOf(folder.at(plan)))).toEqual([]);
    expect(resumed.events).toEqual(events.slice(-resumed.events.length));
  });

  test("another run finds the slots free, and leaves the old one's jobs alone", async () => {
    const folder = await setup();
    const { run, officeId } = await startAndWait(folder);
    run.signal("SIGKILL");
    await run.exit;

    const limits = { maxConcurrentJobs: 1 };
    const other = folder.plan({ office: "plan", limits, jobs: [{ key: "new", run: "true" }] }, "other.yaml");
    const next = await folder.run(other);
    expect(await next.exit, next.stderr).toBe(0);
    expect(next.story("job_started")).toEqual(["started new"]);
    expect(next.events.every(({ office_id: id }) => id === officeId)).toBe(true);
    expect(runsOf(folder)).toEqual({ early: ["1"], alone: ["1"], again: ["1"], end: [] });
  });
});

test("kill -9 of everything, PostgreSQL included: nothing that was done is lost, nor done twice", async () => {
  const folder = await setup({ database: false });
  const { run, plan } = await startAndWait(folder);
  await folder.killEverything();
  await run.exit;

  folder.write("go", "");
  const resumed = await folder.run(plan, "--resume");
  expect(await resumed.exit, resumed.stderr).toBe(0);
  expect(resumed.summary).toMatchObject({ ok: true, jobs: { done: 4 } });
  expect(runsOf(folder)).toEqual({ early: ["1"], alone: ["1", "2"], again: ["1", "2"], end: ["1"] });
  expect(folder.has("twice")).toBe(false);
});

test("kill -9 of PostgreSQL alone: the run goes on", async () => {
  const folder = await setup({ database: false });
  const jobs = [
    { key: "a", run: "touch begun; until test -e go; do sleep 0.02; done" },
    { key: "b", run: "true", depends_on: ["a"] },
  ];
  const plan = folder.plan({ jobs });
  const run = folder.start(["run", plan, "--json"]);
  await folder.fileAppears("begun");
  process.kill(Number(folder.lines(".office/postgres/postmaster.pid")[0]), "SIGKILL");
  folder.write("go", "");
  expect(await run.exit, run.stderr).toBe(0);
  expect(problemsOf(run.events, await expectationsOf(folder.at(plan)))).toEqual([]);
});
