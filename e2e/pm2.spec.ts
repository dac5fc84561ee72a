import { spawn } from "node:child_process";
import { join } from "node:path";
import { workerProcess } from "office-server/platform/workerId.ts";
import { expect, onTestFinished, test } from "vitest";
import { sql } from "../test/support/scheduler.ts";
import type { TestOffice } from "../test/support/testOffice.ts";
import { eventually, reaches, setup } from "./support/workers.ts";

const ROOT = join(import.meta.dirname, "..");

interface Output {
  code: number | null;
  text: string;
}

/** Runs a script of package.json, as an operator does. */
const npmRun = (script: string, environment: Readonly<Record<string, string>>): Promise<Output> =>
  execute("npm", ["run", "--silent", script], environment);

/** Runs a command of PM2 for the office's own PM2. */
const pm2 = (args: string[], environment: Readonly<Record<string, string>>): Promise<Output> =>
  execute("sh", ["scripts/pm2.sh", ...args], environment);

function execute(command: string, args: string[], environment: Readonly<Record<string, string>>): Promise<Output> {
  const env = { PATH: process.env["PATH"], HOME: process.env["HOME"], NO_COLOR: "1", ...environment };
  const child = spawn(command, args, { cwd: ROOT, env, stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (said) => (text += said));
  return new Promise((resolve) => {
    child.on("close", (code) => resolve({ code, text }));
  });
}

/** The pid of the one worker that is alive, if it is another one than `former`. */
async function workerPid(office: TestOffice, former = 0): Promise<number | null> {
  const rows = await sql<{ id: string }>(office, "SELECT id FROM scheduler_workers ORDER BY started_at DESC LIMIT 1");
  const pid = workerProcess(rows[0]?.id ?? "")?.pid ?? null;
  return pid === former ? null : pid;
}

/** Resolves when a job's one session is a worker's. */
const sessionIsOf = (office: TestOffice, key: string, pid: number): Promise<true> =>
  eventually(`the session of ${key} is taken over`, async () => {
    const found = (await office.executions()).find(({ job_id: id }) => id === office.idOf(key));
    return workerProcess(found?.worker_id ?? "")?.pid === pid ? true : null;
  });

test("PM2 starts the service, and a worker again that was killed; sessions go on through that, and end with the service", async () => {
  const world = await setup();
  const { folder } = world;
  const environment = {
    ...folder.environment,
    OFFICE_HOME: folder.at(".office"),
    PORT: "0",
    SCHEDULER_PORT: "0",
    TICK_INTERVAL_MS: "50",
    // Long enough for Node to start on a busy machine.
    WORKER_HEARTBEAT_MS: "2000",
    WORKER_FENCE_MS: "10000",
    WORKER_LEASE_MS: "12000",
  };
  const run = (script: string) => npmRun(script, environment);
  onTestFinished(async () => {
    await run("pm2:stop");
  });
  const started = await run("pm2:start");
  expect(started, started.text).toMatchObject({ code: 0 });
  const { text: status } = await run("pm2:status");
  expect(status).toMatch(/office-api.*online/);
  expect(status).toMatch(/office-worker.*online/);
  const apiUrl = /"url":"(http:[^"]+)"/.exec(folder.read(".office/logs/api.log"))?.[1];
  await expect(fetch(`${apiUrl}/ready`)).resolves.toMatchObject({ status: 200 });

  const office = await world.createOffice();
  await world.submit(office, "first", "true");
  await reaches(office, "first", "done");
  const session = (name: string) =>
    `trap 'touch ${name}-int' INT; trap 'touch ${name}-term; exit 1' TERM; touch ${name}-$ATTEMPT; until test -e go; do sleep 0.02; done`;
  await world.submit(office, "long", session("long"));
  await folder.fileAppears("long-1");

  const pid = (await workerPid(office)) ?? 0;
  process.kill(pid, "SIGKILL");
  const second = await eventually("another worker is there", () => workerPid(office, pid));
  await sessionIsOf(office, "long", second);
  // So does `pm2 reload`, and an upgrade.
  const reloaded = await pm2(["reload", "office-worker"], environment);
  expect(reloaded, reloaded.text).toMatchObject({ code: 0 });
  const third = await eventually("another worker is there", () => workerPid(office, second));
  await sessionIsOf(office, "long", third);
  folder.write("go", "");
  await reaches(office, "long", "done");
  await expect(office.job("long")).resolves.toMatchObject({ attempt: 1, retry_count: 0 });

  await world.submit(office, "last", session("last").replace("-e go", "-e never"));
  await folder.fileAppears("last-1");
  const stopped = await run("pm2:stop");
  expect(stopped, stopped.text).toMatchObject({ code: 0 });
  // Nobody comes to take it over: it ends by itself.
  await folder.allGone();
  await expect(office.job("last")).resolves.toMatchObject({ status: "processing", retry_count: 0 });
  // A signal to the whole tree of processes would have come to the sessions as well.
  expect([folder.has("last-int"), folder.has("long-int"), folder.has("long-term")]).toEqual([false, false, false]);
  expect(folder.has("last-term")).toBe(true);
});
