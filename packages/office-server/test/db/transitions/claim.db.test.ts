import fc from "fast-check";
import { DEFAULT_CONFIG, effectiveConfig } from "office-contract/config.ts";
import { admit, availableSlots, type ReadyJob } from "office-server/domain/admission.ts";
import { describe, expect, test } from "vitest";
import { setupFile, sql } from "../../../../../test/support/scheduler.ts";
import { problemsOf } from "../../../../../test/support/soundness.ts";
import type { TestOffice } from "../../../../../test/support/testOffice.ts";

const keysOf = async (office: TestOffice): Promise<string[]> => [...(await office.claim()).keys()];

describe.each([
  { name: "by a whole look", checkpoints: false },
  { name: "by a checkpoint and what happened since", checkpoints: true },
])("$name", ({ checkpoints }) => {
  const world = setupFile({ checkpoints });

  describe("what starts next", () => {
    test("goes by priority, lower first, then by age, then by id", async () => {
      const office = await world().createOffice({ maxConcurrentJobs: 1 });
      await office.submit({ a: { priority: 1 }, b: {}, c: {}, d: { priority: -1 } });
      await office.submit({ e: {}, f: { priority: -1 } });
      const order: string[] = [];
      for (let index = 0; index < 6; index++) {
        const job = await office.claimOne();
        order.push(job.key ?? "");
        await office.finish(job);
      }
      expect(order).toEqual(["d", "f", "b", "c", "e", "a"]);
    });

    test("a full role blocks nobody behind it", async () => {
      const office = await world().createOffice({ maxConcurrentJobs: 3, maxConcurrentByRole: { BE: 1 } });
      await office.submit({
        b1: { priority: -3 },
        b2: { priority: -2 },
        b3: { priority: -1 },
        f: { role: "FE" },
        q: { role: "QA" },
      });
      await expect(keysOf(office)).resolves.toEqual(["b1", "f", "q"]);
      await expect(office.states()).resolves.toMatchObject({ b2: "ready", b3: "ready" });
    });

    test("goes by age across roles, also where roles have limits", async () => {
      const office = await world().createOffice({ maxConcurrentJobs: 2, maxConcurrentByRole: { BE: 2, QA: 9 } });
      await office.submit({ f: { role: "FE" } });
      await office.submit({ b1: {} });
      await office.submit({ q: { role: "QA" }, b2: {} });
      const older = "UPDATE job_queue SET created_at = created_at - interval '1 hour' WHERE id = $1";
      await sql(office, older, [office.idOf("q")]);
      await expect(keysOf(office)).resolves.toEqual(["q", "f"]);
    });

    test("never more than the office allows, over any number of passes", async () => {
      const office = await world().createOffice({ maxConcurrentJobs: 2 });
      await office.submit({ a: {}, b: {}, c: {} });
      await expect(keysOf(office)).resolves.toEqual(["a", "b"]);
      await expect(keysOf(office)).resolves.toEqual([]);
    });

    test("a limit that is lowered below what runs stops nothing, and starts nothing", async () => {
      const office = await world().createOffice({ maxConcurrentJobs: 3 });
      await office.submit({ a: {}, b: {}, c: {}, d: {} });
      const running = [...(await office.claim()).values()];
      await sql(office, "UPDATE offices SET scheduler_config = $2 WHERE id = $1", [
        office.id,
        effectiveConfig({ maxConcurrentJobs: 1 }),
      ]);
      for (const job of running) {
        await expect(keysOf(office)).resolves.toEqual([]);
        await office.finish(job);
      }
      await expect(keysOf(office)).resolves.toEqual(["d"]);
    });

    test.each(["paused", "archived"])(
      "nothing in an office that is %s, while what runs there is put on record",
      async (status) => {
        const office = await world().createOffice({ maxConcurrentJobs: 1 });
        await office.submit({ a: {}, b: {} });
        const a = await office.claimOne();
        await sql(office, "UPDATE offices SET status = $2 WHERE id = $1", [office.id, status]);
        await office.finish(a);
        await expect(keysOf(office)).resolves.toEqual([]);
        await expect(office.states()).resolves.toEqual({ a: "done", b: "ready" });
      },
    );

    test("of one task alone, where that is asked for", async () => {
      const office = await world().createOffice({ maxConcurrentByRole: { FE: 9 } });
      await office.submit({ a: {}, b: { priority: -9, role: "FE" } });
      const taskId = await office.submit({ c: {}, d: { role: "FE" } });
      await expect(office.claim({ taskId })).resolves.toEqual(
        new Map([
          ["c", expect.objectContaining({ task_id: taskId })],
          ["d", expect.objectContaining({ task_id: taskId })],
        ]),
      );
    });

    test("no more than the worker has room for, over all offices", async () => {
      const offices = [await world().createOffice(), await world().createOffice()];
      for (const office of offices) await office.submit({ a: {}, b: {} });
      const [first] = offices;
      const officeIds = offices.map(({ id }) => id);
      const claims = [];
      for (const claimsMax of [0, 3, 1]) claims.push((await first?.pass({ officeIds, claimsMax }))?.claimed.length);
      expect(claims).toEqual([0, 3, 1]);
    });
  });

  test("a claimed job comes with all that its session needs", async () => {
    const office = await world().createOffice({ maxRetries: 5, timeoutByRole: { FE: 1_000 } });
    const session = { command: ["claude", "-p"], cwd: "/work", env: { A: "1" } };
    await office.submit({
      own: { role: "FE", timeout_ms: 77, max_retries: 0, session, description: "Do it", title: "It" },
      byRole: { role: "FE" },
      usual: { role: "Painter" },
    });
    const { own, byRole, usual } = Object.fromEntries(await office.claim());
    expect(own).toMatchObject({
      title: "It",
      description: "Do it",
      session,
      timeout_ms: 77,
      max_retries: 0,
      attempt: 1,
    });
    expect(byRole).toMatchObject({ timeout_ms: 1_000, max_retries: 5, retry_count: 0 });
    expect(usual).toMatchObject({ timeout_ms: DEFAULT_CONFIG.defaultTimeout, role: "Painter" });
    await expect(office.executions()).resolves.toContainEqual(
      expect.objectContaining({
        id: own?.execution_id,
        worker_id: "worker",
        attempt: 1,
        status: "running",
        ended_at: null,
      }),
    );
  });

  test("a job that says not how it is run gets what its office knows of its role", async () => {
    const office = await world().createOffice();
    const session = { run: "make", cwd: "/", env: {} };
    await sql(office, "UPDATE offices SET roles = $2 WHERE id = $1", [office.id, { BE: session }]);
    await office.submit({ known: { session: null }, unknown: { session: null, role: "FE" } });
    const jobs = await office.claim();
    expect([jobs.get("known")?.session, jobs.get("unknown")?.session]).toEqual([session, null]);
  });

  describe("the database starts exactly what domain/admission.ts admits", () => {
    const ROLES = ["BE", "FE", "QA", 'zoë\'s "team"'];
    const jobs = fc.array(
      fc.record({
        role: fc.constantFrom(...ROLES),
        priority: fc.integer({ min: -2, max: 2 }),
        createdAtMs: fc.integer({ min: 0, max: 3 }),
      }),
      { maxLength: 14 },
    );
    const scene = fc.record({
      running: jobs,
      ready: jobs,
      maxConcurrentJobs: fc.integer({ min: 1, max: 12 }),
      maxConcurrentByRole: fc.dictionary(fc.constantFrom(...ROLES), fc.integer({ min: 1, max: 4 })),
    });

    test("whatever is ready, runs and is allowed", async () => {
      await fc.assert(
        fc.asyncProperty(scene, async ({ running, ready, ...limits }) => {
          const office = await world().createOffice({ maxConcurrentJobs: 1_000 });
          const named = (prefix: string, list: typeof ready) =>
            Object.fromEntries(list.map(({ role, priority }, index) => [`${prefix}${index}`, { role, priority }]));
          await office.submit(named("running", running));
          await office.claim();
          await office.submit(named("ready", ready));
          const rows: ReadyJob[] = ready.map((job, index) => ({ ...job, id: office.idOf(`ready${index}`) }));
          await sql(
            office,
            `UPDATE job_queue j SET created_at = to_timestamp(s.at / 1000.0)
             FROM unnest($1::uuid[], $2::integer[]) AS s(id, at) WHERE j.id = s.id`,
            [rows.map(({ id }) => id), rows.map(({ createdAtMs }) => createdAtMs)],
          );
          await sql(office, "UPDATE offices SET scheduler_config = $2 WHERE id = $1", [
            office.id,
            effectiveConfig(limits),
          ]);

          const slots = availableSlots(
            limits,
            running.map(({ role }) => role),
          );
          const { claimed } = await office.pass();
          expect(claimed.map((job) => job.job_id)).toEqual(admit(rows, slots).map(({ id }) => id));
          await expect(problemsOf(office)).resolves.toEqual([]);
        }),
        { numRuns: 80 },
      );
    });
  });
});
