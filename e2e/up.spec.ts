import { copyFileSync, mkdirSync, statSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type FolderOptions, type OfficeFolder, setup } from "./support/officeFolder.ts";
import type { OfficeRun } from "./support/officeRun.ts";

const HELLO = join(import.meta.dirname, "../examples/hello.yaml");

/** Nobody else's ports: several services may be tested at a time. */
const PORTS = { PORT: "0", SCHEDULER_PORT: "0" };

interface Up {
  folder: OfficeFolder;
  up: OfficeRun;
  /** What another shell in the same folder needs to know. */
  environment: { OFFICE_URL: string };
}

/** A folder with `office up`, which is ready. */
async function start(options: FolderOptions = {}, ...args: string[]): Promise<Up> {
  const folder = await setup({ ...options, environment: { ...PORTS, ...options.environment } });
  const up = folder.start(["up", ...args]);
  return { folder, up, environment: { OFFICE_URL: await address(up) } };
}

const address = async (up: OfficeRun): Promise<string> =>
  /http:\S+/.exec(await up.line("The office is open at"))?.[0] ?? "nowhere";

const workerOf = (folder: OfficeFolder): number =>
  folder.processes().find(({ command }) => command.endsWith("workers/scheduler.ts"))?.pid ?? 0;

const endless = { jobs: [{ key: "a", run: "touch begun; sleep 600" }] };

test("from nothing to work done, through a worker's death, to nothing left", async () => {
  const { folder, up, environment } = await start({ database: false }, "--allow-run");
  const token = folder.read(".office/token").trim();
  expect(statSync(folder.at(".office/token")).mode & 0o777).toBe(0o600);
  // Where it has just been made it is shown.
  expect(up.stdout.join("\n")).toContain(token);
  expect(up.stderr).not.toContain(token);

  copyFileSync(HELLO, folder.at("hello.yaml"));
  const hello = folder.start(["submit", "hello.yaml", "--follow", "--json"], environment);
  expect(await hello.exit, hello.stderr).toBe(0);
  expect(hello.summary).toMatchObject({ ok: true, jobs: { total: 4, done: 4 } });

  process.kill(Number(folder.lines(".office/postgres/postmaster.pid")[0]), "SIGKILL");
  await up.says("the database had died, and runs again");
  process.kill(workerOf(folder), "SIGKILL");
  await up.says("worker was killed by SIGKILL; it is started again in 0.2 s");
  const again = folder.start(["submit", "hello.yaml", "--follow", "--json"], environment);
  expect(await again.exit, again.stderr).toBe(0);

  up.signalGroup("SIGINT");
  expect(await up.exit, up.stderr).toBe(0);
  expect(folder.processes()).toEqual([]);

  // What was stored is there the next time, under the same key, which is not shown again.
  const next = folder.start(["up"]);
  const jobs = folder.start(["jobs", "--json"], { OFFICE_URL: await address(next) });
  expect(await jobs.exit, jobs.stderr).toBe(0);
  expect(jobs.stdout).toHaveLength(8);
  expect(next.stdout.join("\n")).not.toContain(token);
  next.signal("SIGTERM");
  expect(await next.exit).toBe(0);
});

test("when it is killed itself, nothing of it goes on: no process, no database; and its sessions wait for nobody", async () => {
  const lease = { WORKER_HEARTBEAT_MS: "500", WORKER_FENCE_MS: "5000", WORKER_LEASE_MS: "7000" };
  const { folder, up, environment } = await start(
    { database: false, environment: lease },
    "--allow-run",
    "--workers",
    "2",
  );
  folder.plan(endless);
  const submit = folder.start(["submit", "plan.yaml"], environment);
  expect(await submit.exit, submit.stderr).toBe(0);
  await folder.fileAppears("begun");
  up.signal("SIGKILL");
  expect(await up.exit).toBe(137);
  await folder.allGone();

  // Its worker handed over, and nobody came.
  const next = folder.start(["up", "--workers", "0"]);
  const events = folder.start(["events", "--json"], { OFFICE_URL: await address(next) });
  expect(await events.exit, events.stderr).toBe(0);
  expect(events.story("job_started", "job_retrying", "job_failed")).toEqual(["started a"]);
  next.signalGroup("SIGINT");
  expect(await next.exit, next.stderr).toBe(0);
});

test("when it is killed and started again, its sessions go on", async () => {
  const { folder, up, environment } = await start({ database: false }, "--allow-run");
  folder.plan({ jobs: [{ key: "a", run: "touch begun-$ATTEMPT; until test -e go; do sleep 0.02; done" }] });
  const submit = folder.start(["submit", "plan.yaml"], environment);
  expect(await submit.exit, submit.stderr).toBe(0);
  await folder.fileAppears("begun-1");
  up.signal("SIGKILL");
  expect(await up.exit).toBe(137);
  const next = folder.start(["up"]);
  const OFFICE_URL = await address(next);
  folder.write("go", "");
  const events = folder.start(["events", "--after", "0", "--follow", "--json"], { OFFICE_URL });
  await events.event("job_completed", "a");
  expect(events.story("job_started", "job_retrying", "job_completed")).toEqual(["started a", "completed a"]);
  events.signal("SIGINT");
  await events.exit;
  next.signalGroup("SIGINT");
  expect(await next.exit, next.stderr).toBe(0);
  // What the killed one has left may be the last user of the database.
  await folder.allGone();
});

test("a second Ctrl-C waits no longer for sessions that do not hear the first one", async () => {
  const { folder, up, environment } = await start({}, "--allow-run");
  folder.plan({ jobs: [{ key: "deaf", run: "trap '' TERM; touch begun; while :; do sleep 600; done" }] });
  const submit = folder.start(["submit", "plan.yaml"], environment);
  expect(await submit.exit, submit.stderr).toBe(0);
  await folder.fileAppears("begun");
  up.signalGroup("SIGINT");
  await up.says("running sessions are asked to stop");
  up.signalGroup("SIGINT");
  await up.says("stopping at once: sessions are killed");
  expect(await up.exit, up.stderr).toBe(0);
  expect(folder.processes()).toEqual([]);
});

test("Ctrl-C before it is ready leaves nothing behind", async () => {
  const folder = await setup({ database: false, environment: PORTS });
  const up = folder.start(["up"]);
  await folder.fileAppears(".office");
  up.signalGroup("SIGINT");
  expect(await up.exit, up.stderr).toBe(0);
  expect(folder.processes()).toEqual([]);
});

test("an environment that is wrong ends with 2, and starts nothing", async () => {
  const folder = await setup({ environment: { ...PORTS, MAX_SESSIONS: "many" } });
  const up = folder.start(["up"]);
  expect(await up.exit).toBe(2);
  expect(up.stderr).toContain('office: MAX_SESSIONS is "many"');
  expect(up.stdout).toEqual([]);
});

test.each([["PORT"], ["SCHEDULER_PORT"]])("a taken %s is told before anything is started", async (name) => {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const folder = await setup({ environment: { ...PORTS, [name]: String(port) } });
  const up = folder.start(["up"]);
  expect(await up.exit).toBe(2);
  expect(up.stderr).toContain(`office: ${name} ${port} on 127.0.0.1 is taken`);
  expect(folder.has(".office")).toBe(false);
});

test("an OFFICE_HOME that cannot be used ends with 2, in a line", async () => {
  const folder = await setup({ environment: PORTS });
  mkdirSync(folder.at("sub"));
  folder.write("file", "");
  folder.plan({ jobs: [{ key: "a", run: "true" }] });
  for (const args of [["up"], ["run", "plan.yaml"]]) {
    for (const environment of [{}, { DATABASE_URL: "" }]) {
      const run = folder.start(args, { OFFICE_HOME: folder.at("file"), ...environment });
      expect(await run.exit).toBe(2);
      expect(run.stderr).toMatch(/^office: OFFICE_HOME cannot be [^\n]*\n$/);
    }
  }
});

test("the API alone, and a worker alone", async () => {
  const folder = await setup({ environment: { ...PORTS, ALLOW_RUN: "1" } });
  const api = folder.start(["api"]);
  const worker = folder.start(["worker"]);
  await api.says('"msg":"ready"');
  await worker.says('"msg":"ready"');
  const OFFICE_URL = /"url":"([^"]*)"/.exec(api.stderr)?.[1] ?? "";
  folder.plan({ jobs: [{ key: "a", run: "true" }] });
  const submit = folder.start(["submit", "plan.yaml", "-f", "--json"], { OFFICE_URL });
  expect(await submit.exit, submit.stderr).toBe(0);
  for (const part of [worker, api]) {
    part.signal("SIGTERM");
    expect(await part.exit, part.stderr).toBe(0);
  }
});
