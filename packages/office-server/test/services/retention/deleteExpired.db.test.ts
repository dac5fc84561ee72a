import { newId } from "office-server/platform/ids.ts";
import {
  countFinishedJobs,
  deleteExpired,
  type RetentionOptions,
} from "office-server/services/retention/deleteExpired.ts";
import { describe, expect, test } from "vitest";
import { setup, sql } from "../../../../../test/support/scheduler.ts";
import type { TestOffice } from "../../../../../test/support/testOffice.ts";

const DAYS = 30;

/** An office on a connection of its own, whose clock the test moves, and what becomes of it after some time. */
async function setupOffice(config: Parameters<Awaited<ReturnType<typeof setup>>["createOffice"]>[0] = {}) {
  const world = await setup();
  const database = world.connect(1);
  const office = await world.createOffice({ maxConcurrentJobs: 1000, ...config }, database);
  const inDays = (days: number) =>
    sql(office, "SELECT set_config('office.clock_offset', $1, false)", [`${days} days 1 minute`]);
  const clean = (options: Partial<RetentionOptions> = {}) => deleteExpired(database, { days: DAYS, ...options });
  return { world, database, office, inDays, clean };
}

async function finishAll(office: TestOffice): Promise<void> {
  for (let jobs = await office.claim(); jobs.size > 0; jobs = await office.claim()) {
    for (const job of jobs.values()) await office.finish(job);
  }
}

const numberOf = async (office: TestOffice, table: string): Promise<number> => {
  const [row] = await sql<{ n: number }>(office, `SELECT count(*)::integer AS n FROM ${table}`);
  return row?.n ?? -1;
};

describe("jobs", () => {
  test("that ended long ago go with all that belongs to them", async () => {
    const { office, inDays, clean } = await setupOffice();
    await office.submit({ a: {}, b: { depends_on: ["a"] } });
    const a = await office.claimOne();
    await sql(office, "INSERT INTO job_output (execution_id, start_at, data) VALUES ($1, 0, 'hello')", [
      a.execution_id,
    ]);
    await sql(office, "INSERT INTO job_execution_tokens (hash, execution_id) VALUES ('x', $1)", [a.execution_id]);
    await office.finish(a);
    await finishAll(office);

    await inDays(DAYS - 1);
    await office.submit({ young: {} });
    await finishAll(office);
    await expect(clean()).resolves.toMatchObject({ jobs: 0 });
    await inDays(DAYS);
    await expect(clean()).resolves.toMatchObject({ jobs: 2 });
    await expect(office.states()).resolves.toEqual({ young: "done" });
    const tables = ["job_executions", "job_output", "job_execution_tokens", "job_dependencies", "job_tasks"];
    const rows = Object.fromEntries(
      await Promise.all(tables.map(async (table) => [table, await numberOf(office, table)])),
    ) as Record<string, number>;
    expect(rows).toEqual({
      job_executions: 1,
      job_output: 0,
      job_execution_tokens: 0,
      job_dependencies: 0,
      job_tasks: 1,
    });
    const [counts] = await sql(office, "SELECT total::integer, done::integer FROM job_counts");
    expect(counts).toEqual({ total: 1, done: 1 });
  });

  test("are kept for ever when nothing else is asked for", async () => {
    const { office, inDays, clean } = await setupOffice();
    await office.submit({ a: {} });
    await finishAll(office);
    await inDays(10_000);
    await expect(clean({ days: 0 })).resolves.toEqual({ jobs: 0, events: 0, answers: 0 });
  });

  test("that have not ended stay, and so does what they wait for", async () => {
    const { office, inDays, clean } = await setupOffice({ onDependencyFailure: "block" });
    await office.submit({ failed: {}, waiting: { depends_on: ["failed"] }, running: {}, done: {} });
    const jobs = await office.claim();
    for (const job of jobs.values()) {
      if (job.key === "done") await office.finish(job);
      if (job.key === "failed") await office.fail(job);
    }
    await inDays(DAYS);
    await expect(clean()).resolves.toMatchObject({ jobs: 1 });
    await expect(office.states()).resolves.toEqual({ failed: "failed", waiting: "pending", running: "processing" });
  });

  test("whose session is still being stopped stay", async () => {
    const { office, inDays, clean } = await setupOffice();
    await office.submit({ a: {} });
    await office.claimOne();
    await office.cancel("a");
    await inDays(DAYS);
    await expect(clean()).resolves.toMatchObject({ jobs: 0 });
  });

  test("that a younger one would wait for again, if it were retried, stay with it", async () => {
    const { office, inDays, clean } = await setupOffice();
    await office.submit({ a: {}, b: { depends_on: ["a"] }, c: { depends_on: ["b"] } });
    await office.fail(await office.claimOne());
    await inDays(DAYS - 1);
    await office.retry(["c"], { downstream: false });
    await expect(office.states()).resolves.toEqual({ a: "failed", b: "cancelled", c: "cancelled" });

    await inDays(DAYS + 1);
    await expect(clean()).resolves.toMatchObject({ jobs: 0 });
    await office.retry(["a"]);
    await finishAll(office);
    await expect(office.states()).resolves.toEqual({ a: "done", b: "done", c: "done" });
  });

  test("that are done go though a younger one depended on them", async () => {
    const { office, inDays, clean } = await setupOffice();
    await office.submit({ a: {}, b: { depends_on: ["a"] } });
    await office.finish(await office.claimOne());
    const b = await office.claimOne();
    await inDays(DAYS);
    await office.fail(b);
    await expect(clean()).resolves.toMatchObject({ jobs: 1 });
    await office.retry(["b"]);
    await office.finish(await office.claimOne());
    await expect(office.states()).resolves.toEqual({ b: "done" });
  });

  test("go in small batches, and what was passed over is looked at again when asked to", async () => {
    const { office, inDays, clean } = await setupOffice();
    const keys = Array.from({ length: 23 }, (_, index) => `job-${index}`);
    await office.submit(Object.fromEntries(keys.map((key) => [key, {}])));
    const jobs = await office.claim();
    const [late, ...early] = jobs.values();
    for (const job of early) await office.finish(job);
    await inDays(DAYS);
    const places = new Map();
    await expect(clean({ batchRows: 5, places })).resolves.toMatchObject({ jobs: 22 });
    if (late !== undefined) await office.finish(late);
    await inDays(DAYS * 2);
    await expect(clean({ batchRows: 5, places })).resolves.toMatchObject({ jobs: 0 });
    await expect(clean({ batchRows: 5 })).resolves.toMatchObject({ jobs: 1 });
  });

  test("of another program that came in finished go as well", async () => {
    const { office, inDays, clean } = await setupOffice();
    await sql(office, "INSERT INTO job_queue (office_id, title, status, admitted) VALUES ($1, 'old', 'done', true)", [
      office.id,
    ]);
    await inDays(DAYS);
    await expect(clean()).resolves.toMatchObject({ jobs: 1 });
  });

  test("two processes at once delete each row once", async () => {
    const { world, office, inDays, clean } = await setupOffice();
    await office.submit(Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`job-${index}`, {}])));
    await finishAll(office);
    await inDays(DAYS);
    const other = world.connect(1);
    await sql({ database: other }, "SELECT set_config('office.clock_offset', $1, false)", [`${DAYS} days 1 minute`]);
    const results = await Promise.all([clean({ batchRows: 3 }), deleteExpired(other, { days: DAYS, batchRows: 3 })]);
    expect(results.reduce((sum, { jobs }) => sum + jobs, 0)).toBeLessThanOrEqual(40);
    await clean();
    await expect(office.jobs()).resolves.toEqual([]);
    await expect(numberOf(office, "job_events")).resolves.toBe(1);
  });
});

describe("events", () => {
  test("from long ago go, but for the newest; later ones are numbered on from it", async () => {
    const { office, inDays, clean } = await setupOffice();
    await office.submit({ a: {} });
    await finishAll(office);
    await inDays(DAYS);
    await expect(clean({ batchRows: 2 })).resolves.toMatchObject({ events: 3 });
    await office.submit({ b: {} });
    await expect(office.story()).resolves.toEqual(["job_completed a", "job_created b", "job_ready b"]);
    const seqs = (await office.events()).map(({ seq }) => seq);
    expect(seqs).toEqual([4, 5, 6]);
    await expect(clean()).resolves.toMatchObject({ events: 1 });
  });

  test("are counted before", async () => {
    const { office, inDays, clean } = await setupOffice();
    await office.submit({ a: {}, b: {} });
    await countFinishedJobs(office.database);
    const jobs = await office.claim();
    for (const job of jobs.values()) await office.finish(job);
    await inDays(DAYS - 1);
    await office.retry(["b"]);
    await finishAll(office);
    await inDays(DAYS);
    await clean();
    const [counts] = await sql(office, "SELECT total::integer, done::integer, completions::integer FROM job_counts");
    expect(counts).toEqual({ total: 1, done: 1, completions: 3 });
  });

  test("that somebody who follows the log has not got stay", async () => {
    const { world, office, inDays, clean } = await setupOffice();
    const other = await world.createOffice({}, office.database);
    await sql(office, "INSERT INTO scheduler_consumers (id, office_id) VALUES ('slack', NULL), ('webhook x', $1)", [
      other.id,
    ]);
    for (const each of [office, other]) {
      await each.submit({ a: {} });
      await finishAll(each);
    }
    const cursor = "INSERT INTO scheduler_cursors (consumer_id, office_id, seq) VALUES ($1, $2, $3)";
    await sql(office, cursor, ["slack", office.id, 2]);
    await sql(office, cursor, ["slack", other.id, 4]);
    await inDays(DAYS);
    await clean();
    await expect(office.story()).resolves.toEqual(["job_started a", "job_completed a"]);
    await expect(other.events()).resolves.toHaveLength(4);
    await sql(office, cursor, ["webhook x", other.id, 3]);
    await clean();
    await expect(other.events()).resolves.toHaveLength(1);
  });
});

test("first answers are kept for a week", async () => {
  const { office, inDays, clean } = await setupOffice();
  const insertion = `INSERT INTO scheduler_answers (office_id, idempotency_key, request_hash, answer, created_at)
    SELECT $1, k, 'x', '{}', scheduler_now() FROM unnest($2::text[]) AS k`;
  await sql(office, insertion, [office.id, Array.from({ length: 5 }, newId)]);
  await inDays(5);
  await sql(office, insertion, [office.id, [newId()]]);
  await expect(clean({ days: 0, batchRows: 2 })).resolves.toMatchObject({ answers: 0 });
  await inDays(7);
  await expect(clean({ days: 0, batchRows: 2 })).resolves.toMatchObject({ answers: 5 });
});

test("an office whose log has grown is counted, and then left alone", async () => {
  const { office } = await setupOffice();
  await office.submit({ a: {} });
  await countFinishedJobs(office.database);
  const counted = await sql(office, "SELECT xmin::text, seq::integer, total::integer FROM job_counts");
  expect(counted).toMatchObject([{ seq: 2, total: 1 }]);
  await countFinishedJobs(office.database);
  await expect(sql(office, "SELECT xmin::text, seq::integer, total::integer FROM job_counts")).resolves.toEqual(
    counted,
  );
});
