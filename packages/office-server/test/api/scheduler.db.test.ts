import { DEFAULT_CONFIG } from "office-contract/config.ts";
import { describe, expect, test } from "vitest";
import { setupApi, setupFileApi } from "../../../../test/support/api.ts";
import { sql } from "../../../../test/support/scheduler.ts";
import type { TestOffice } from "../../../../test/support/testOffice.ts";

const api = setupFileApi();

const statsOf = (office: TestOffice) => api().client.call("getStats", { params: { officeId: office.id } });

describe("settings", () => {
  test("are shown whole, and changed one by one", async () => {
    const { client, createOffice } = api();
    const params = { officeId: (await createOffice()).id };
    await expect(client.call("getConfig", { params })).resolves.toEqual(DEFAULT_CONFIG);
    const changed = await client.call("patchConfig", { params, body: { maxConcurrentJobs: 7, retryJitter: true } });
    expect(changed).toEqual({ ...DEFAULT_CONFIG, maxConcurrentJobs: 7, retryJitter: true });
    await client.call("patchConfig", { params, body: { maxRetries: 0 } });
    await expect(client.call("getConfig", { params })).resolves.toEqual({ ...changed, maxRetries: 0 });
  });

  test("by role replace those that were there, over the defaults", async () => {
    const { client, createOffice } = api();
    const params = { officeId: (await createOffice()).id };
    await client.call("patchConfig", { params, body: { maxConcurrentByRole: { BE: 1 }, timeoutByRole: { X: 1_000 } } });
    const body = { maxConcurrentByRole: { QA: 2 }, timeoutByRole: { BE: 5_000 } };
    const { maxConcurrentByRole, timeoutByRole } = await client.call("patchConfig", { params, body });
    expect(maxConcurrentByRole).toEqual({ QA: 2 });
    expect(timeoutByRole).toEqual({ ...DEFAULT_CONFIG.timeoutByRole, BE: 5_000 });
  });

  test("that let more run start it at once", async () => {
    const own = await setupApi();
    const office = await own.createOffice({ maxConcurrentJobs: 1 });
    await office.submit({ a: {}, b: {} });
    const { runtime } = await own.startWorker();
    await own.whenEvent(office, ({ type }) => type === "job_started");
    await own.client.call("patchConfig", { params: { officeId: office.id }, body: { maxConcurrentJobs: 2 } });
    await own.whenEvent(office, ({ type, job_key: key }) => type === "job_started" && key === "b");
    expect(runtime.starts).toHaveLength(2);
  });
});

describe("stats", () => {
  test("count jobs by state", async () => {
    const office = await api().createOffice({ maxConcurrentJobs: 2 });
    await expect(statsOf(office)).resolves.toMatchObject({ total: 0, pending: 0, avg_completion_time: null });
    await office.submit({ a: {}, b: { priority: 1, role: "QA" }, c: { priority: 2 }, d: { depends_on: ["c"] } });
    const running = await office.claim();
    const a = running.get("a");
    const b = running.get("b");
    if (a === undefined || b === undefined) throw new Error("two jobs start");
    await expect(statsOf(office)).resolves.toMatchObject({
      office_id: office.id,
      total: 4,
      pending: 1,
      ready: 1,
      processing: 2,
      done: 0,
      running_sessions: 2,
      available_slots: 0,
      running_by_role: { BE: 1, QA: 1 },
    });
    await office.finish(a);
    await office.fail(b);
    const stats = await statsOf(office);
    expect(stats).toMatchObject({
      ready: 1,
      processing: 0,
      done: 1,
      failed: 1,
      running_sessions: 0,
      available_slots: 2,
    });
    expect(stats.avg_completion_time).toBeGreaterThanOrEqual(0);
    expect(stats.oldest_ready_ms).toBeGreaterThanOrEqual(0);
  });

  test("count a cancelled job as such while its session is being stopped", async () => {
    const office = await api().createOffice({ maxConcurrentJobs: 2 });
    await office.submit({ a: {} });
    await office.claimOne();
    await office.cancel("a");
    await expect(statsOf(office)).resolves.toMatchObject({
      processing: 0,
      cancelled: 1,
      pending: 0,
      running_sessions: 1,
      available_slots: 1,
    });
  });

  test("count what another program has written, before and after it is taken up", async () => {
    const office = await api().createOffice();
    await sql(
      api(),
      "INSERT INTO job_queue (office_id, title, status) SELECT $1, 'foreign', s FROM unnest(ARRAY['pending', 'done']) s",
      [office.id],
    );
    await expect(statsOf(office)).resolves.toMatchObject({ total: 2 });
    await api().client.call("processOffice", { params: { officeId: office.id } });
    await expect(statsOf(office)).resolves.toMatchObject({ total: 2, ready: 1, done: 1, pending: 0 });
  });

  test("follow retries and cancellations", async () => {
    const office = await api().createOffice();
    await office.submit({ a: {}, b: { depends_on: ["a"] } });
    await office.fail(await office.claimOne());
    await expect(statsOf(office)).resolves.toMatchObject({ failed: 1, cancelled: 1, pending: 0, ready: 0 });
    await office.retry(["a"]);
    await expect(statsOf(office)).resolves.toMatchObject({ failed: 0, cancelled: 0, pending: 1, ready: 1, total: 2 });
  });
});

describe("a pass", () => {
  test("makes ready what may start, and says how much", async () => {
    const office = await api().createOffice();
    await sql(api(), "INSERT INTO job_queue (office_id, title) SELECT $1, 'foreign' FROM generate_series(1, 3)", [
      office.id,
    ]);
    const processed = await api().client.call("processOffice", { params: { officeId: office.id } });
    expect(processed.started).toBe(0);
    await expect(statsOf(office)).resolves.toMatchObject({ ready: 3 });
  });

  test("of an office that is paused starts nothing", async () => {
    const office = await api().createOffice();
    await office.submit({ a: {} });
    const params = { officeId: office.id };
    await api().client.call("patchOffice", { params, body: { status: "paused" } });
    await expect(api().client.call("processOffice", { params })).resolves.toEqual({ activated: 0, started: 0 });
  });
});
