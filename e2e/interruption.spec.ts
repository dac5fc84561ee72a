import { Database } from "office-server/db/connection.ts";
import { describe, expect, test } from "vitest";
import { problemsOf } from "./support/history.ts";
import { setup } from "./support/officeFolder.ts";
import { expectationsOf } from "./support/planFile.ts";

const AT_ONCE = { retryBaseDelay: 1 };
/** Says that it has begun, and runs until it is stopped. */
const endless = (key: string) => ({ key, run: `echo "$$" >${key}.begun; sleep 600` });
/** Runs once only: a second run fails. */
const once = (key: string, ...dependsOn: string[]) => ({ key, run: `mkdir ${key}.done`, depends_on: dependsOn });

describe.each<[string, NodeJS.Signals, boolean]>([
  ["Ctrl-C, with a database that comes along", "SIGINT", false],
  ["a kill", "SIGTERM", true],
])("%s", (_, signal, database) => {
  test("stops the sessions, ends with 130, and --resume carries on with what is left", async () => {
    const folder = await setup({ database });
    const jobs = [once("first"), endless("left"), endless("right"), once("last", "left", "right", "first")];
    const plan = folder.plan({ limits: AT_ONCE, jobs });
    const run = folder.start(["run", plan, "--json"]);
    await run.event("job_completed", "first");
    await folder.fileAppears("left.begun");
    await folder.fileAppears("right.begun");
    run.signalGroup(signal);

    expect(await run.exit).toBe(130);
    expect(run.stderr).toBe("interrupted: nothing more is started\nstopping 2 sessions …\n");
    expect(folder.processes()).toEqual([]);
    expect(run.summary).toMatchObject({ ok: false, interrupted: true, jobs: { done: 1, cancelled: 3 } });
    expect(problemsOf(run.events, await expectationsOf(folder.at(plan)))).toEqual([]);
    expect(run.events.find(({ type }) => type === "job_cancelled")?.details["message"]).toBe(
      `interrupted by ${signal}`,
    );

    // How a job is run may change in between.
    folder.plan({ limits: AT_ONCE, jobs: [jobs[0], once("left"), once("right"), jobs[3]] });
    const resumed = await folder.run(plan, "--resume");
    expect(await resumed.exit, resumed.stderr).toBe(0);
    expect(resumed.story("job_completed").toSorted()).toEqual(["completed last", "completed left", "completed right"]);
    expect(resumed.summary).toMatchObject({ ok: true, jobs: { total: 4, done: 4 } });
    expect(resumed.events.filter(({ type, job_key: key }) => type === "job_started" && key === "first")).toEqual([]);
  });
});

test("a second Ctrl-C kills sessions that do not hear the first one; --resume carries on", async () => {
  const folder = await setup();
  // Two seconds short of the time after which they would be killed anyhow.
  const jobs = [{ key: "slow", run: "trap '' TERM; (sleep 8; touch late) & touch begun; sleep 600" }];
  const plan = folder.plan({ jobs });
  const run = folder.start(["run", plan, "--json"]);
  await folder.fileAppears("begun");
  run.signalGroup("SIGINT");
  await run.says("stopping 1 session");
  run.signalGroup("SIGINT");
  expect(await run.exit).toBe(130);
  expect(run.stderr).toContain("killing the sessions …");
  expect(folder.processes()).toEqual([]);
  expect(folder.has("late")).toBe(false);

  folder.plan({ jobs: [{ key: "slow", run: "true" }] });
  const resumed = await folder.run(plan, "--resume");
  expect(await resumed.exit, resumed.stderr).toBe(0);
  expect(resumed.events.find(({ type }) => type === "job_started")?.attempt).toBe(2);
});

test.each(["SIGINT", "SIGTERM"] as const)("%s before anything was started leaves nothing behind", async (signal) => {
  const folder = await setup({ database: false });
  const run = folder.start(["run", folder.plan({ jobs: [{ key: "a", run: "touch never; sleep 600" }] }), "--json"]);
  // The first sign of life: from here on there are seconds of work, to create a database.
  await folder.fileAppears(".office");
  run.signalGroup(signal);
  expect(await run.exit).toBe(130);
  expect(folder.has("never")).toBe(false);
  expect(folder.processes()).toEqual([]);
});

test("Ctrl-C while the database is being made lets that come to its end, and nothing is left behind", async () => {
  const folder = await setup({ database: false });
  const run = folder.start(["run", folder.plan({ jobs: [{ key: "a", run: "touch never; sleep 600" }] }), "--json"]);
  await folder.processAppears("initdb");
  run.signalGroup("SIGINT");
  expect(await run.exit, run.stderr).toBe(130);
  expect(run.stderr).not.toContain("could not");
  expect(folder.has("never")).toBe(false);
  expect(folder.processes()).toEqual([]);
  // What was made is whole.
  const again = await folder.run(folder.plan({ jobs: [{ key: "a", run: "true" }] }));
  expect(await again.exit, again.stderr).toBe(0);
});

describe("--resume", () => {
  test("runs what failed with the command that the plan has now, and what it had cancelled", async () => {
    const folder = await setup();
    const limits = { maxRetries: 0 };
    const jobs = [once("a"), { key: "b", run: "false", depends_on: ["a"] }, once("c", "b")];
    const plan = folder.plan({ limits, jobs });
    expect(await (await folder.run(plan)).exit).toBe(1);
    folder.plan({ limits, jobs: [jobs[0], once("b", "a"), jobs[2]] });
    const resumed = await folder.run(plan, "--resume");
    expect(await resumed.exit, resumed.stderr).toBe(0);
    expect(resumed.story("job_started")).toEqual(["started b", "started c"]);

    const again = await folder.run(plan, "--resume");
    expect(await again.exit, again.stderr).toBe(0);
    expect(again.events).toEqual([]);
    expect(again.summary).toMatchObject({ ok: true, jobs: { done: 3 } });
  });

  test("refuses a plan whose jobs or dependencies are others now", async () => {
    const folder = await setup();
    const plan = folder.plan({ jobs: [once("a"), { ...once("b", "a"), run: "exit 1", retries: 0 }] });
    expect(await (await folder.run(plan)).exit).toBe(1);
    const oneMore = [once("a"), once("b", "a"), once("c")];
    const otherKey = [once("a"), once("x", "a")];
    for (const jobs of [oneMore, [once("a")], [once("a"), once("b")], otherKey]) {
      folder.plan({ jobs });
      const resumed = await folder.run(plan, "--resume");
      expect(await resumed.exit).toBe(2);
      expect(resumed.stdout).toEqual([]);
      expect(resumed.stderr).toBe(
        "office: plan.yaml cannot be resumed: its jobs or their dependencies have changed since its last run; run it without --resume\n",
      );
    }
    expect(folder.has("b.done")).toBe(false);

    // What is refused changes nothing: an office keeps its settings.
    const named = folder.plan({ office: "kept", limits: { maxRetries: 5 }, jobs: [once("k")] }, "kept.yaml");
    expect(await (await folder.run(named)).exit).toBe(0);
    folder.plan({ office: "kept", limits: { maxRetries: 7 }, jobs: [once("k"), once("l")] }, "kept.yaml");
    expect(await (await folder.run(named, "--resume")).exit).toBe(2);
    const { DATABASE_URL: connectionString = "" } = folder.environment;
    const database = new Database({ connectionString, schema: "public" });
    const kept = await database.query(
      "",
      "SELECT scheduler_config ->> 'maxRetries' AS retries FROM offices WHERE name = 'kept'",
    );
    await database.close();
    expect(kept).toEqual([{ retries: "5" }]);
  });

  test("refuses a plan that was never run", async () => {
    const folder = await setup();
    const run = await folder.run(folder.plan({ office: "front desk", jobs: [once("a")] }), "--resume");
    expect(await run.exit).toBe(2);
    expect(run.stderr).toContain('there is no earlier run of it in office "front desk"');
    expect(folder.has("a.done")).toBe(false);
  });

  test("refuses a plan that is being run", async () => {
    const folder = await setup();
    const plan = folder.plan({ jobs: [endless("a")] });
    const run = folder.start(["run", plan, "--json"]);
    await folder.fileAppears("a.begun");
    const resumed = await folder.run(plan, "--resume");
    expect(await resumed.exit).toBe(2);
    expect(resumed.stderr).toContain("it is being run, by process ");
    run.signalGroup("SIGINT");
    expect(await run.exit).toBe(130);
  });
});
