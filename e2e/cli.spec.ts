import { jobSchema } from "office-contract/api/jobs.ts";
import { jobEventSchema } from "office-contract/events.ts";
import { beforeAll, describe, expect, test } from "vitest";
import { setup, setupFile } from "./support/service.ts";
import { Shell, shellFor } from "./support/shell.ts";

/** A service without a worker, in which nothing starts; and one with a worker. Each test has an office of its own in it. */
const idle = setupFile();
const busy = setupFile();
beforeAll(() => busy().startWorker());

interface Listed {
  id: string;
  key: string;
  status: string;
  priority: number;
  task_id: string;
}

describe("a plan that is handed to the service", () => {
  const plan = {
    title: "Login",
    limits: { maxConcurrentJobs: 2, retryBaseDelay: "10ms", maxRetries: 1 },
    roles: {
      BE: { command: ["sh", "-c", "cat > prompt.txt; echo {{key}} in $PWD"], stdin: "{{prompt}}", cwd: "server" },
    },
    jobs: [
      { key: "schema", role: "BE", prompt: "Design it" },
      { key: "test", role: "QA", run: "echo tested", depends_on: ["schema"] },
    ],
  };

  test("is followed to its end, run where it lies, and read from elsewhere", async () => {
    const { shell, office } = shellFor(busy());
    const { folder } = shell.service;
    folder.write("plans/server/.keep", "");
    folder.plan({ office, ...plan }, "plans/login.yaml");
    const run = shell.start("submit", "plans/login.yaml", "--follow", "--json");
    expect(await run.exit, run.stderr).toBe(0);
    expect(run.story("job_completed")).toEqual(["completed schema", "completed test"]);
    expect(run.summary).toMatchObject({ ok: true, jobs: { total: 2, done: 2 } });
    for (const event of run.events) jobEventSchema.parse(event);
    expect(folder.read("plans/server/prompt.txt")).toBe("Design it");

    expect(await shell.run("logs", "schema")).toEqual([`schema in ${folder.at("plans/server")}`]);
    expect((await shell.json<Record<string, unknown>>("config"))[0]).toMatchObject({ maxConcurrentJobs: 2 });
    expect((await shell.json<{ done: number }>("stats"))[0]).toMatchObject({ done: 2, total: 2 });
    const events = await shell.json<{ seq: number }>("events");
    expect(events.map(({ seq }) => seq)).toEqual(run.events.map(({ seq }) => seq));
    expect(await shell.json("events", "--after", String(events.length - 1))).toHaveLength(1);
    expect((await shell.run("show", "test")).join("\n")).toMatch(/^test\nstatus +done since .*\n/);
  });

  test("makes its office once, and gives it the plan's settings; a plan without one has one by its own name", async () => {
    const shell = new Shell(await setup());
    const { folder } = shell.service;
    folder.plan({ office: "website", ...plan }, "a.yaml");
    folder.plan(plan, "b.yaml");
    const [submitted] = await shell.json<{ task_id: string; jobs: Listed[] }>("submit", "a.yaml");
    expect(submitted?.jobs.map(({ key }) => key)).toEqual(["schema", "test"]);
    const words = (await shell.run("submit", "a.yaml")).join("\n");
    expect(words).toMatch(/^2 jobs submitted to office website as task [\w-]{36}\n.*office jobs -o website --task/);
    await shell.run("submit", "b.yaml");
    await shell.run("submit", "b.yaml", "--office", "shop");
    const found = await shell.json<{ name: string }>("offices");
    expect(found.map(({ name }) => name)).toEqual(["website", "b", "shop"]);
    expect(await shell.json("jobs", "-o", "website")).toHaveLength(4);

    expect(await shell.fail(2, "jobs")).toBe(
      "office: there are several offices, and --office must say which: website, b, shop\n",
    );
    expect(await shell.fail(2, "jobs", "-o", "web")).toContain(
      'no office "web" that this key opens; there is website, b, shop',
    );
    expect(await shell.fail(2, "submit", "a.yaml", "-o", "shop")).toContain('a.yaml is for office "website"');
    const byVariable = new Shell(shell.service, { OFFICE: "shop" });
    expect(await byVariable.json("jobs")).toHaveLength(2);
  });

  test("that is wrong ends with 2 and says where; one that fails ends with 1", async () => {
    const { shell, office } = shellFor(busy());
    const { folder } = shell.service;
    folder.write("wrong.yaml", "jobs:\n  - { key: a, run: x, depends_on: [b] }\n");
    expect(await shell.fail(2, "submit", "wrong.yaml")).toMatch(/^wrong\.yaml:2:36: .*names an unknown job, "b"/);
    expect((await shell.json<{ name: string }>("offices")).map(({ name }) => name)).not.toContain("wrong");

    const bad = { key: "bad", run: "echo the reason; exit 3", retries: 0 };
    folder.plan({ office, jobs: [bad] }, "fails.yaml");
    const run = shell.start("submit", "fails.yaml", "--follow");
    expect(await run.exit).toBe(1);
    const text = run.stdout.join("\n");
    expect(text).toContain("│ the reason");
    expect(text).toMatch(new RegExp(`to carry on: .*office retry -o ${office} bad$`));
  });

  test("is not taken as a shell line where the operator has not let it in", async () => {
    const shell = new Shell(await setup({ ALLOW_RUN: "0" }));
    shell.service.folder.plan({ jobs: [{ key: "a", run: "touch never" }] });
    expect(await shell.fail(1, "submit", "plan.yaml")).toContain("up --allow-run");

    // What is refused changes nothing: the office keeps the settings that it had.
    const kept = (limits: object, job: object) => ({ office: "kept", limits, jobs: [{ key: "a", ...job }] });
    shell.service.folder.plan(kept({ maxRetries: 5 }, { command: ["true"] }));
    await shell.run("submit", "plan.yaml");
    shell.service.folder.plan(kept({ maxRetries: 7 }, { run: "touch never" }));
    await shell.fail(1, "submit", "plan.yaml");
    expect(await shell.json("config", "-o", "kept")).toMatchObject([{ maxRetries: 5 }]);
  });
});

describe("jobs", () => {
  const endless = (key: string, more = {}) => ({ key, run: `echo "${key} has begun"; sleep 600`, ...more });

  async function submitted(...jobs: Record<string, unknown>[]): Promise<Shell> {
    const { shell, office } = shellFor(idle());
    shell.service.folder.plan({ office, jobs }, `${office}.yaml`);
    await shell.run("submit", `${office}.yaml`);
    return shell;
  }

  test("are listed, narrowed down, and named by key, id, or its beginning", async () => {
    const shell = await submitted(endless("a"), { ...endless("b", { depends_on: ["a"] }), role: "QA" });
    const jobs = await shell.json<Listed>("jobs");
    for (const job of jobs) jobSchema.parse(job);
    expect(jobs.map(({ key, status }) => `${key} ${status}`).toSorted()).toEqual(["a ready", "b pending"]);
    expect(await shell.json("jobs", "--status", "pending")).toHaveLength(1);
    expect(await shell.json("jobs", "--status", "pending,ready", "--role", "QA")).toHaveLength(1);
    const { id = "", task_id: task = "" } = jobs[0] ?? {};
    expect(await shell.json("jobs", "--task", task)).toHaveLength(2);
    expect(await shell.json("show", id)).toMatchObject([{ id }]);
    expect(await shell.json("show", id.slice(0, -1))).toMatchObject([{ id }]);
    const table = await shell.run("jobs");
    expect(table[0]).toMatch(/^KEY +STATUS +ROLE +TRY +SINCE +ID +TASK +NOTE$/);
    expect(table.join("\n")).not.toMatch(/[^\P{Cc}\n]/u);

    expect(await shell.fail(2, "show", "nothing")).toBe(
      'office: there is no job "nothing" in this office; a job is named by its key or its id\n',
    );
    expect(await shell.fail(2, "show", id.slice(0, 6))).toContain(`"${id.slice(0, 6)}" begins the ids of 2 jobs`);
    expect(await shell.fail(2, "show", "00000000-0000-4000-8000-000000000000")).toContain(
      "00000000-0000-4000-8000-000000000000",
    );
    expect(await shell.fail(2, "jobs", "--status", "broken")).toContain(
      'there is no state "broken"; states are pending',
    );
  });

  test("wait, have priorities and times, and are handed over", async () => {
    const shell = await submitted(endless("a"));
    expect(await shell.run("priority", "a", "-7")).toEqual(["a has priority -7"]);
    expect(await shell.run("timeout", "a", "1h30m")).toEqual(["a may run for 1h30m"]);
    expect(await shell.run("assign", "a", "--role", "FE")).toEqual(["a is for FE"]);
    expect(await shell.json("show", "a")).toMatchObject([{ priority: -7, timeout_ms: 5_400_000, role: "FE" }]);
    expect(await shell.fail(2, "priority", "a", "high")).toContain('"high" is none');
    expect(await shell.fail(2, "timeout", "a", "soon")).toContain('"soon" is none');
    expect(await shell.fail(2, "assign", "a")).toContain("say to whom");
    expect(await shell.fail(2, "assign", "a", "--agent", "bob")).toContain('"bob" is none');
    expect(await shell.fail(1, "retry", "a")).toContain("has not ended");
  });

  test("are cancelled one by one, or by what they have in common, and brought back", async () => {
    const shell = await submitted(endless("a"), endless("b", { depends_on: ["a"] }), { ...endless("c"), role: "QA" });
    expect(await shell.fail(2, "cancel")).toContain("nothing to cancel: name jobs");
    expect(await shell.fail(2, "cancel", "a", "--all")).toContain("not both");
    expect(await shell.fail(2, "cancel", "a", "nothing")).toContain('no job "nothing"');
    expect(await shell.json<Listed>("jobs", "-s", "cancelled")).toEqual([]);
    expect(await shell.run("cancel", "a")).toEqual(["cancelled 2 jobs"]);
    expect(await shell.run("retry", "a")).toEqual(["a is ready again, and 1 job that it had cancelled"]);
    expect(await shell.run("cancel", "--role", "QA")).toEqual(["cancelled 1 job"]);
    expect(await shell.json("cancel", "--all")).toMatchObject([{ cancelled: 2, stopping: 0 }]);
    expect(await shell.run("cancel", "--all")).toEqual(["nothing to cancel: no such job is waiting or running"]);
    expect(await shell.run("retry", "a", "--no-downstream")).toEqual(["a is ready again"]);
  });

  test("are read along with: from their start to their end, or until Ctrl-C", async () => {
    const { shell, office } = shellFor(busy());
    const plan = {
      office,
      limits: { maxConcurrentJobs: 1 },
      jobs: [endless("a"), endless("b"), { key: "c", run: "true" }],
    };
    shell.service.folder.plan(plan, "read.yaml");
    await shell.run("submit", "read.yaml");
    const waiting = shell.start("logs", "b", "-f");
    await waiting.says("b is ready; waiting for its start …");
    const other = shell.start("logs", "a", "-f", "--tail", "1");
    await other.line("a has begun");
    other.signalGroup("SIGINT");
    expect(await other.exit).toBe(130);

    await shell.run("cancel", "a");
    await waiting.line("b has begun");
    await shell.run("cancel", "c", "b");
    expect(await waiting.exit, waiting.stderr).toBe(0);
    expect(waiting.stdout).toEqual(["b has begun"]);
    const nothing = shell.start("logs", "c");
    expect(await nothing.exit).toBe(0);
    expect(nothing.stderr).toBe("c has written nothing: it is cancelled, and never started\n");
  });

  test("that are followed as a task go on when nobody follows them any more", async () => {
    const { shell, office } = shellFor(busy());
    shell.service.folder.plan({ office, jobs: [endless("a")] }, "left.yaml");
    const run = shell.start("submit", "left.yaml", "--follow", "--json");
    await run.event("job_started", "a");
    run.signalGroup("SIGINT");
    expect(await run.exit).toBe(130);
    expect(run.stderr).toMatch(/^the task goes on; `.*office cancel -o office-\d+ --task [\w-]{36}` stops it\n$/);
    expect(await shell.json("jobs", "-s", "processing")).toHaveLength(1);
    await shell.run("cancel", "--all");
  });
});
