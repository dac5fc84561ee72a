import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Expectations, problemsOf } from "./support/history.ts";
import { setup } from "./support/officeFolder.ts";
import type { OfficeRun } from "./support/officeRun.ts";
import { expectationsOf } from "./support/planFile.ts";

const MEBIBYTE = 1024 * 1024;
/** Retries at once, so that nobody waits for them. */
const QUICKLY = { retryBaseDelay: 1, maxRetries: 1 };

const outputOf = (run: OfficeRun, key: string): string => {
  const folder = run.events.findLast(({ job_key: job, details }) => job === key && details["output"])?.details[
    "output"
  ];
  return join(String(folder), "output.log");
};

const failureOf = (run: OfficeRun, key: string) => run.summary.failures.find(({ job_key: job }) => job === key);

async function expectSound(run: OfficeRun, plan: string, more: Partial<Expectations> = {}): Promise<void> {
  expect(problemsOf(run.events, { ...(await expectationsOf(plan)), ...more })).toEqual([]);
}

test("failures are retried where that makes sense, and cancel what waits for them", async () => {
  const folder = await setup();
  folder.write("plain.txt", "no program");
  folder.write("script", "#!/no/such/interpreter\n", 0o755);
  const plan = folder.plan({
    limits: { maxConcurrentJobs: 4, ...QUICKLY },
    jobs: [
      { key: "flaky", run: 'echo "attempt $ATTEMPT"; test "$ATTEMPT" = 2' },
      { key: "after-flaky", run: "true", depends_on: ["flaky"] },
      { key: "broken", run: "echo to stdout; echo to stderr >&2; exit 3", retries: 2 },
      { key: "after-broken", run: "touch never", depends_on: ["broken"] },
      { key: "at-last", run: "touch never", depends_on: ["after-broken", "flaky"] },
      { key: "shot", run: "kill -9 $$", retries: 0 },
      { key: "no-command", command: ["office-no-such-program"] },
      { key: "no-folder", run: "true", cwd: "no/such/folder" },
      { key: "no-program", command: ["./plain.txt"] },
      { key: "no-interpreter", command: ["./script"] },
    ],
  });
  const run = await folder.run(plan);

  expect(await run.exit).toBe(1);
  await expectSound(run, folder.at(plan));
  expect(folder.has("never")).toBe(false);
  expect(run.story("job_completed")).toEqual(["completed flaky", "completed after-flaky"]);
  expect(failureOf(run, "broken")).toMatchObject({ status: "failed", error_class: "EXIT_CODE", attempts: 3 });
  expect(failureOf(run, "broken")?.message).toContain("code 3");
  expect(readFileSync(outputOf(run, "broken"), "utf8")).toBe("to stdout\nto stderr\n");
  expect(failureOf(run, "shot")).toMatchObject({ error_class: "SESSION_CRASH", attempts: 1 });
  const cancelled = { status: "cancelled", error_class: "DEPENDENCY_FAILED", attempts: 0 };
  expect(failureOf(run, "after-broken")).toMatchObject({
    ...cancelled,
    message: "it depends on broken, which ended failed",
  });
  expect(failureOf(run, "at-last")).toMatchObject({
    ...cancelled,
    message: "it depends on after-broken, which ended cancelled",
  });
  const invalid = { status: "failed", error_class: "INVALID_JOB", attempts: 1 };
  expect(failureOf(run, "no-command")).toMatchObject({
    ...invalid,
    message: "command not found: office-no-such-program (looked in PATH)",
  });
  expect(failureOf(run, "no-folder")).toMatchObject({
    ...invalid,
    message: `cwd does not exist: ${folder.at("no/such/folder")}`,
  });
  expect(failureOf(run, "no-program")).toMatchObject(invalid);
  expect(failureOf(run, "no-program")?.message).toContain("not executable: ./plain.txt");
  expect(failureOf(run, "no-interpreter")).toMatchObject(invalid);
  expect(failureOf(run, "no-interpreter")?.message).toContain("the interpreter that its first line names");
});

test("a run in which nothing can proceed any more ends with 1, and says what is blocked by what", async () => {
  const folder = await setup();
  const plan = folder.plan({
    limits: { onDependencyFailure: "block", maxRetries: 0 },
    jobs: [
      { key: "broken", run: "test -e mended" },
      { key: "well", run: "true" },
      { key: "test", run: "true", depends_on: ["broken", "well"] },
      { key: "deploy", run: "true", depends_on: ["test"] },
    ],
  });
  const run = await folder.run(plan);
  expect(await run.exit).toBe(1);
  expect(run.stderr).toBe("2 jobs cannot run: test (after broken), deploy (after test)\n");
  expect(run.summary).toMatchObject({ ok: false, jobs: { done: 1, failed: 1, pending: 2 } });
  await expectSound(run, folder.at(plan), { unfinished: true });

  folder.write("mended", "");
  const resumed = await folder.run(plan, "--resume");
  expect(await resumed.exit, resumed.stderr).toBe(0);
  expect(resumed.story("job_started")).toEqual(["started broken", "started test", "started deploy"]);
});

test("a timeout stops everything that a session has started", async () => {
  const folder = await setup();
  const plan = folder.plan({
    limits: { maxConcurrentJobs: 1, maxRetries: 0 },
    jobs: [
      // One child in the group, one that has left it, and neither they nor the shell listen to SIGTERM.
      {
        key: "deaf",
        timeout: "2s",
        run: "trap '' TERM; setsid sleep 600 & sleep 600 & touch started; wait; sleep 600",
      },
      { key: "next", run: "true", priority: 1 },
    ],
  });
  const run = folder.start(["run", plan, "--json"]);
  await folder.fileAppears("started");
  await run.event("job_timeout", "deaf");
  expect(folder.processes().filter(({ command }) => command.includes("sleep 600"))).toEqual([]);
  expect(await run.exit).toBe(1);
  await expectSound(run, folder.at(plan));
  expect(failureOf(run, "deaf")).toMatchObject({ status: "timeout", error_class: "TIMEOUT", attempts: 1 });
  expect(run.story("job_completed")).toEqual(["completed next"]);
});

test("sessions get what they are given, and no more", async () => {
  const folder = await setup();
  const prompt = `Say "yes" & don't $(touch injected) \`touch injected\`; {{title}} \\ ü 東京\nsecond line`;
  const plan = folder.plan({
    roles: {
      Agent: {
        command: ["cat"],
        stdin: "{{prompt}}\n{{key}} as {{role}}, attempt {{attempt}}\n",
        env: { FROM: "role" },
      },
      Printer: { command: ["printf", "%s|", "{{prompt}}", "{{title}}", ""] },
    },
    jobs: [
      { key: "stdin", role: "Agent", prompt },
      { key: "arguments", role: "Printer", title: "A title", prompt },
      { key: "environment", role: "Agent", run: "env >environment.txt", env: { OWN: "job" } },
      { key: "no-stdin", run: "cat" },
      { key: "elsewhere", run: "pwd", cwd: ".." },
    ],
  });
  const secrets = {
    SECRET: "do not tell",
    OFFICE_TOKEN: "neither",
    SESSION_ENV: "WANTED, OFFICE_TOKEN",
    WANTED: "wanted",
  };
  const run = folder.start(["run", plan, "--json"], secrets);
  expect(await run.exit, run.stderr).toBe(0);

  expect(readFileSync(outputOf(run, "stdin"), "utf8")).toBe(`${prompt}\nstdin as Agent, attempt 1\n`);
  expect(readFileSync(outputOf(run, "arguments"), "utf8")).toBe(`${prompt}|A title||`);
  expect(readFileSync(outputOf(run, "no-stdin"), "utf8")).toBe("");
  expect(readFileSync(outputOf(run, "elsewhere"), "utf8")).toBe(`${folder.at("..")}\n`);
  expect(folder.has("injected")).toBe(false);
  const environment = new Map(folder.lines("environment.txt").map((line) => line.split("=", 2) as [string, string]));
  const started = await run.event("job_started", "environment");
  expect(Object.fromEntries(environment)).toMatchObject({
    OWN: "job",
    FROM: "role",
    WANTED: "wanted",
    OFFICE_ID: started.office_id,
    TASK_ID: started.task_id,
    JOB_ID: started.job_id,
    JOB_KEY: "environment",
    EXECUTION_ID: started.execution_id,
    ATTEMPT: "1",
    ROLE: "Agent",
  });
  expect(environment.get("FENCING_TOKEN")).toMatch(/^\d+$/);
  for (const name of ["SECRET", "OFFICE_TOKEN", "DATABASE_URL", "SESSION_ENV"])
    expect(environment.has(name)).toBe(false);
});

test("of a very large output both ends are kept, and a daemon does not outlive its session", async () => {
  const folder = await setup();
  const plan = folder.plan({
    jobs: [
      { key: "loud", run: `echo first; head -c ${40 * MEBIBYTE} /dev/zero | tr '\\0' x; echo; echo last` },
      { key: "daemon", run: "setsid sh -c 'touch daemon; exec sleep 600' & until test -e daemon; do sleep 0.02; done" },
    ],
  });
  const run = await folder.run(plan);
  expect(await run.exit, run.stderr).toBe(0);
  await expectSound(run, folder.at(plan));
  const output = outputOf(run, "loud");
  expect(statSync(output).size).toBeLessThan(25 * MEBIBYTE);
  const text = readFileSync(output, "latin1");
  expect(text.startsWith("first\nx")).toBe(true);
  expect(text.endsWith("x\nlast\n")).toBe(true);
  expect(text).toMatch(/\n\[\.\.\. \d+ bytes left out \.\.\.\]\n/);
});

test("a plan that names no office runs with its own settings, whatever an earlier one had set", async () => {
  const folder = await setup();
  const timeouts = async (plan: Record<string, unknown>) => {
    const run = await folder.run(folder.plan({ ...plan, jobs: [{ key: "a", run: "true" }] }));
    expect(await run.exit, run.stderr).toBe(0);
    return run.events.find(({ type }) => type === "job_started")?.details["timeout_ms"];
  };
  expect(await timeouts({ limits: { defaultTimeout: "1m" } })).toBe(60_000);
  expect(await timeouts({})).toBe(30 * 60_000);
  expect(await timeouts({ office: "front desk", limits: { defaultTimeout: "1m" } })).toBe(60_000);
  expect(await timeouts({ office: "front desk" })).toBe(60_000);
});

test("what the environment says of PostgreSQL servers elsewhere does not concern the one that comes along", async () => {
  const folder = await setup({ database: false });
  const environment = { PGSSLMODE: "require", PGOPTIONS: "-c statement_timeout=1", PGPORT: "1" };
  const run = folder.start(["run", folder.plan({ jobs: [{ key: "a", run: "true" }] }), "--json"], environment);
  expect(await run.exit, run.stderr).toBe(0);
});
