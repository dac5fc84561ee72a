import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { registerWorker, renewWorker } from "office-server/db/workerRows.ts";
import { newId } from "office-server/platform/ids.ts";
import { createLogger } from "office-server/platform/log.ts";
import { Reaper, type ReaperOptions } from "office-server/services/scheduler/Reaper.ts";
import { SIGNS_FILE } from "office-server/services/scheduler/SeenSigns.ts";
import { describe, expect, onTestFinished, test } from "vitest";
import { setup, sql, type World } from "../../../../../test/support/scheduler.ts";
import { problemsOf } from "../../../../../test/support/soundness.ts";
import type { TestOffice } from "../../../../../test/support/testOffice.ts";

const LEASE_MS = 1;
const FOR_EVER_MS = 3_600_000;

function reaperIn(world: World, options: Partial<ReaperOptions> = {}) {
  const folder = mkdtempSync(join(tmpdir(), "office-reaper-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const freed: string[] = [];
  const reaper = new Reaper({
    database: world.database,
    log: createLogger("silent"),
    everyMs: FOR_EVER_MS,
    lossesMax: 3,
    lease: { workerId: "reaper", heldForMs: 1_000 },
    heldForMsMin: 1_000,
    signsPath: join(folder, SIGNS_FILE),
    onFreed: (officeId) => freed.push(officeId),
    ...options,
  });
  return { reaper, freed };
}

async function register(world: World, leaseMs = LEASE_MS): Promise<string> {
  const id = newId();
  await registerWorker(world.database, { id, version: "1", leaseMs, taskId: null, sessionsDirectory: "/" });
  return id;
}

/** Looks until the lease of whoever is silent has passed by the reaper's clock. */
async function reap(reaper: Reaper, office: TestOffice, key: string): Promise<void> {
  do await reaper.look();
  while ((await office.job(key)).status === "processing");
}

describe("the reaper", () => {
  test("frees the jobs of a worker that is silent, without using a retry", async () => {
    const world = await setup();
    const office = await world.createOffice({ maxRetries: 0 });
    const workerId = await register(world);
    await office.submit({ a: {}, b: { depends_on: ["a"] } });
    const [a] = (await office.pass({ workerId })).claimed;
    const { reaper, freed } = reaperIn(world);
    await reap(reaper, office, "a");
    await expect(office.job("a")).resolves.toMatchObject({ status: "ready", attempt: 1, retry_count: 0 });
    await expect(office.executions()).resolves.toMatchObject([
      { status: "lost", error_message: "its worker was lost" },
    ]);
    expect(freed).toEqual([office.id]);
    await expect(problemsOf(office)).resolves.toEqual([]);

    // What the lost one says now changes nothing, and it learns that it is lost.
    if (a === undefined) throw new Error("nothing was claimed");
    await expect(office.finish(a)).resolves.toMatchObject({ settled: [] });
    await expect(renewWorker(world.database, workerId)).resolves.toBe(false);
    await expect(office.states()).resolves.toEqual({ a: "ready", b: "pending" });
  });

  test("lets those be that give signs of life", async () => {
    const world = await setup();
    const office = await world.createOffice();
    const workerId = await register(world);
    await office.submit({ a: {} });
    await office.pass({ workerId });
    const { reaper } = reaperIn(world);
    for (let looks = 0; looks < 20; looks++) {
      await renewWorker(world.database, workerId);
      await reaper.look();
    }
    await expect(office.states()).resolves.toEqual({ a: "processing" });
  });

  test("goes by its own clock: a step of the database's makes nobody look dead", async () => {
    const world = await setup();
    const office = await world.createOffice();
    const workerId = await register(world, FOR_EVER_MS);
    await sql(world, "UPDATE scheduler_workers SET seen_at = seen_at - interval '1 day'");
    await office.submit({ a: {} });
    await office.pass({ workerId });
    const { reaper } = reaperIn(world);
    await reaper.look();
    await reaper.look();
    await expect(office.states()).resolves.toEqual({ a: "processing" });
  });

  test("judges nobody while its own worker is not sure of its lease", async () => {
    const world = await setup();
    const office = await world.createOffice();
    const workerId = await register(world);
    await office.submit({ a: {} });
    await office.pass({ workerId });
    const lease = { workerId: "reaper", heldForMs: 999 };
    const { reaper } = reaperIn(world, { lease });
    for (let looks = 0; looks < 20; looks++) await reaper.look();
    await expect(office.states()).resolves.toEqual({ a: "processing" });
    lease.heldForMs = 1_000;
    await reap(reaper, office, "a");
  });

  test("frees what was claimed in the name of a worker that is lost already, or that nobody knows", async () => {
    const world = await setup();
    const office = await world.createOffice();
    const { reaper } = reaperIn(world);
    await office.submit({ a: {} });
    await office.pass({ workerId: "unknown" });
    await reaper.look();
    await expect(office.states()).resolves.toEqual({ a: "ready" });
  });

  test("leaves sessions that run elsewhere alone", async () => {
    const world = await setup();
    const office = await world.createOffice();
    await office.submit({ a: { session: { runtime: "external", cwd: "/", env: {} } } });
    await office.pass({ workerId: "unknown" });
    await reaperIn(world).reaper.look();
    await expect(office.states()).resolves.toEqual({ a: "processing" });
  });

  test("fails a job under which workers are lost again and again, and what depends on it", async () => {
    const world = await setup();
    const office = await world.createOffice();
    const { reaper } = reaperIn(world);
    await office.submit({ a: {}, b: { depends_on: ["a"] } });
    for (let losses = 1; losses <= 3; losses++) {
      await expect(office.job("a")).resolves.toMatchObject({ status: "ready", attempt: losses - 1, retry_count: 0 });
      await office.pass({ workerId: await register(world) });
      await reap(reaper, office, "a");
    }
    await expect(office.job("a")).resolves.toMatchObject({
      status: "failed",
      error_class: "SESSION_CRASH",
      error_message: "its worker was lost 3 times while it ran; it is not run again by itself",
    });
    await expect(office.states()).resolves.toEqual({ a: "failed", b: "cancelled" });
    await expect(problemsOf(office)).resolves.toEqual([]);

    // Somebody who has looked at it may give it another chance, with all its losses forgiven.
    await office.retry(["a"]);
    await office.pass({ workerId: await register(world) });
    await reap(reaper, office, "a");
    await expect(office.states()).resolves.toEqual({ a: "ready", b: "pending" });
  });

  test("several at once put each loss on record once", async () => {
    const world = await setup();
    const office = await world.createOffice({ maxConcurrentJobs: 5 });
    const workerId = await register(world);
    await office.submit({ a: {}, b: {}, c: {} });
    await office.pass({ workerId });
    const reapers = Array.from({ length: 8 }, () => reaperIn(world, { database: world.connect(1) }).reaper);
    while ((await office.job("a")).status === "processing") await Promise.all(reapers.map((one) => one.look()));
    await expect(office.states()).resolves.toEqual({ a: "ready", b: "ready", c: "ready" });
    await expect(problemsOf(office)).resolves.toEqual([]);
    const [row] = await sql<{ losses: number }>(world, "SELECT max(worker_losses) AS losses FROM job_queue");
    expect(row?.losses).toBe(1);
  });
});
