import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Database } from "office-server/db/connection.ts";
import { declareLost, workerSigns } from "office-server/db/workerRows.ts";
import { bootTimeMs } from "office-server/platform/clock.ts";
import { readLease } from "office-server/platform/leaseFile.ts";
import { createLogger } from "office-server/platform/log.ts";
import { WorkerLease } from "office-server/services/scheduler/WorkerLease.ts";
import { describe, expect, onTestFinished, test } from "vitest";
import { setup, sql, type World } from "../../../../../test/support/scheduler.ts";

const TIMING = { heartbeatMs: 50, fenceMs: 1_000, leaseMs: 60_000 };

function leaseIn(world: World, timing: Partial<typeof TIMING> = {}) {
  const folder = mkdtempSync(join(tmpdir(), "office-lease-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const { url: connectionString, schema } = world;
  const database = new Database({ connectionString, schema, connectionsMax: 2 });
  const closeDatabase = once(() => database.close());
  onTestFinished(closeDatabase);
  const lease = new WorkerLease({
    ...TIMING,
    ...timing,
    database,
    log: createLogger("silent"),
    name: "me",
    version: "1",
    taskId: null,
    sessionsDirectory: folder,
    leasePath: (incarnation) => join(folder, `lease-${incarnation}`),
  });
  onTestFinished(() => lease.stop());
  return { lease, closeDatabase, path: (incarnation: number) => join(folder, `lease-${incarnation}`) };
}

const once = (end: () => Promise<void>): (() => Promise<void>) => {
  let ended: Promise<void> | null = null;
  return () => (ended ??= end());
};

const rows = (world: World) =>
  sql<{ id: string; left: boolean; lost: boolean }>(
    world,
    "SELECT id, left_at IS NOT NULL AS left, lost_at IS NOT NULL AS lost FROM scheduler_workers ORDER BY started_at",
  );

/** Resolves when the worker has given another sign of life than `former`. */
async function nextSign(world: World, former: string | undefined): Promise<string> {
  for (;;) {
    const sign = (await workerSigns(world.database))[0]?.sign;
    if (sign !== undefined && sign !== former) return sign;
  }
}

describe("a worker's lease", () => {
  test("is held from its first sign of life on, and renewed", async () => {
    const world = await setup();
    const { lease, path } = leaseIn(world);
    expect(lease.isHeld).toBe(false);
    await lease.start();
    expect(lease.isHeld).toBe(true);
    expect(lease.ofSessions.path).toBe(path(1));
    const first = readLease(path(1)) ?? 0;
    expect(first).toBeLessThanOrEqual(bootTimeMs() + TIMING.fenceMs);
    const sign = await nextSign(world, undefined);
    await nextSign(world, await nextSign(world, sign));
    expect(readLease(path(1))).toBeGreaterThan(first);
    expect(lease.heldForMs).toBeGreaterThan(0);
  });

  test("leaves nothing when the worker ends and runs nothing", async () => {
    const world = await setup();
    const { lease, path } = leaseIn(world);
    await lease.start();
    await lease.stop();
    await expect(rows(world)).resolves.toEqual([]);
    expect(readLease(path(1))).toBeNull();
  });

  test("stays for what the worker leaves running", async () => {
    const world = await setup();
    const office = await world.createOffice();
    const { lease, path } = leaseIn(world);
    await lease.start();
    await office.submit({ a: {} });
    await office.pass({ workerId: lease.workerId });
    await lease.stop();
    await expect(rows(world)).resolves.toEqual([{ id: lease.workerId, left: true, lost: false }]);
    expect(readLease(path(1))).not.toBeNull();
  });

  test("is over in time when no sign of life comes through", async () => {
    const world = await setup();
    const { lease, closeDatabase, path } = leaseIn(world);
    const { promise: fenced, resolve } = Promise.withResolvers<boolean>();
    lease.onFence = () => resolve(lease.isHeld);
    await lease.start();
    await closeDatabase();
    await expect(fenced).resolves.toBe(false);
    expect(readLease(path(1))).toBeLessThanOrEqual(bootTimeMs());
    expect(lease.heldForMs).toBe(0);
  });

  test("that was declared lost is never renewed: the worker stops its sessions, and begins anew under another name", async () => {
    const world = await setup();
    const { lease, path } = leaseIn(world);
    const before: string[] = [];
    const { promise: heldAgain, resolve } = Promise.withResolvers<void>();
    await lease.start();
    const first = lease.workerId;
    lease.onFence = () => before.push(lease.workerId);
    lease.onHold = resolve;
    // A sign may come in between: then it is too early for that.
    for (let declared = false; !declared; ) {
      const [worker] = await workerSigns(world.database);
      declared = worker !== undefined && (await declareLost(world.database, worker));
    }
    await heldAgain;
    expect(before).toEqual([first]);
    expect(lease.workerId).not.toBe(first);
    expect(lease.isHeld).toBe(true);
    expect(lease.ofSessions.path).toBe(path(2));
    await expect(rows(world)).resolves.toEqual([
      { id: first, left: false, lost: true },
      { id: lease.workerId, left: false, lost: false },
    ]);
  });
});
