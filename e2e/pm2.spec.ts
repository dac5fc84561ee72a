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
function npmRun(script: string, environment: Readonly<Record<string, string>>): Promise<Output> {
  const env = { PATH: process.env["PATH"], HOME: process.env["HOME"], NO_COLOR: "1", ...environment };
  const child = spawn("npm", ["run", "--silent", script], { cwd: ROOT, env, stdio: ["ignore", "pipe", "pipe"] });
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

test("PM2 starts the service, starts a worker again that was killed, leaves sessions to it, and stops it all", async () => {
  const world = await setup();
  const { folder } = world;
  const environment = {
    ...folder.environment,
    OFFICE_HOME: folder.at(".office"),
    PORT: "0",
    SCHEDULER_PORT: "0",
    TICK_INTERVAL_MS: "50",
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
  await eventually("another worker is there", () => workerPid(office, pid));
  // What the killed one left is stopped by the next one, and run again.
  await folder.fileAppears("long-2");
  folder.write("go", "");
  await reaches(office, "long", "done");
  await expect(office.job("long")).resolves.toMatchObject({ attempt: 2, retry_count: 0 });

  await world.submit(office, "last", session("last").replace("-e go", "-e never"));
  await folder.fileAppears("last-1");
  const stopped = await run("pm2:stop");
  expect(stopped, stopped.text).toMatchObject({ code: 0 });
  await folder.allGone();
  await expect(office.job("last")).resolves.toMatchObject({ status: "ready", retry_count: 0 });
  // A signal to the whole tree of processes would have come to the sessions as well.
  expect([folder.has("last-term"), folder.has("last-int"), folder.has("long-int")]).toEqual([true, false, false]);
});
