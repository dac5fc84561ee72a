import fc from "fast-check";
import type { Job } from "office-contract/api/jobs.ts";
import { JOB_STATES, type JobState } from "office-contract/vocabulary.ts";
import { describe, expect, test } from "vitest";
import { type ApiWorld, problemIn, setupFileApi } from "../../../../../test/support/api.ts";
import { sql } from "../../../../../test/support/scheduler.ts";
import type { TestOffice } from "../../../../../test/support/testOffice.ts";

const api = setupFileApi();

interface Filter {
  status?: JobState[];
  role?: string;
  task_id?: string;
}

/** Every page of a list, from the newest job on. */
async function pages(world: ApiWorld, { id: officeId }: TestOffice, filter: Filter, limit: number): Promise<Job[][]> {
  const found: Job[][] = [];
  for (let cursor: string | undefined; ; ) {
    const query = { ...filter, limit, ...(cursor !== undefined && { cursor }) };
    const { jobs, next_cursor: next } = await world.client.call("listJobs", { params: { officeId }, query });
    found.push(jobs);
    if (next === null) return found;
    cursor = next;
  }
}

const keysOf = async (world: ApiWorld, office: TestOffice, filter: Filter = {}): Promise<(string | null)[]> =>
  (await pages(world, office, filter, 100)).flat().map(({ key }) => key);

/** An office with a job in every state: `done`, `failed`, `timeout`, `cancelled`, `processing`, `ready`, `pending`, `retrying`. */
async function createBusyOffice(world: ApiWorld): Promise<TestOffice> {
  const office = await world.createOffice({ maxConcurrentJobs: 1 });
  const keys = ["done", "failed", "timeout", "retrying", "processing"];
  for (const key of keys) await office.submit({ [key]: { role: key === "done" ? "QA" : "BE" } });
  await office.submit({ ready: { role: "QA" }, cancelled: {}, pending: { depends_on: ["ready"] } });
  await office.cancel("cancelled");
  await office.finish(await office.claimOne());
  await office.fail(await office.claimOne());
  await office.fail(await office.claimOne(), "TIMEOUT");
  await office.retryLater(await office.claimOne(), 60_000);
  await office.claimOne();
  return office;
}

describe("filters", () => {
  test("none: all jobs, the newest task first, of a task the last job first", async () => {
    const office = await createBusyOffice(api());
    await expect(keysOf(api(), office)).resolves.toEqual([
      "pending",
      "cancelled",
      "ready",
      "processing",
      "retrying",
      "timeout",
      "failed",
      "done",
    ]);
  });

  test.for<[string, Filter, string[]]>([
    ["done", { status: ["done"] }, ["done"]],
    ["failed", { status: ["failed", "cancelled"] }, ["cancelled", "timeout", "failed"]],
    ["ready", { status: ["ready"] }, ["ready"]],
    ["processing", { status: ["processing"] }, ["processing"]],
    ["pending", { status: ["pending"] }, ["pending", "retrying"]],
    [
      "what is open",
      { status: ["ready", "processing", "pending", "ready"] },
      ["pending", "ready", "processing", "retrying"],
    ],
    ["open and ended", { status: ["done", "processing"] }, ["processing", "done"]],
    ["of a role", { role: "QA" }, ["ready", "done"]],
    ["of a role that nobody has", { role: "DevOps" }, []],
    ["ready, of a role", { role: "QA", status: ["ready"] }, ["ready"]],
    ["ready, of another role", { role: "BE", status: ["ready"] }, []],
  ])("%s", async ([, filter, expected]) => {
    const office = await createBusyOffice(api());
    await expect(keysOf(api(), office, filter)).resolves.toEqual(expected);
  });

  test("a task, alone or with others; a task of nobody has no jobs", async () => {
    const office = await api().createOffice();
    await office.submit({ before: {} });
    const taskId = await office.submit({ a: {}, b: { depends_on: ["a"] }, c: { role: "QA" } });
    await expect(keysOf(api(), office, { task_id: taskId })).resolves.toEqual(["c", "b", "a"]);
    await expect(keysOf(api(), office, { task_id: taskId, status: ["ready"] })).resolves.toEqual(["c", "a"]);
    await expect(keysOf(api(), office, { task_id: taskId, role: "QA" })).resolves.toEqual(["c"]);
    const other = await api().createOffice();
    await expect(keysOf(api(), other, { task_id: taskId })).resolves.toEqual([]);
  });

  test("jobs of other programs are found like any others", async () => {
    const office = await api().createOffice();
    await sql(
      api(),
      `INSERT INTO job_queue (office_id, key, title, status, started_at) VALUES
       ($1, 'foreign', 'Foreign', 'processing', now()), ($1, 'ended', 'Ended', 'done', NULL)`,
      [office.id],
    );
    await expect(keysOf(api(), office, { status: ["pending"] })).resolves.toEqual(["foreign"]);
  });
});

describe("pages", () => {
  test("hold every job that matches once, in order, however they are cut", async () => {
    const office = await api().createOffice();
    // Moments that differ by microseconds, and jobs of the same moment.
    await sql(
      api(),
      `INSERT INTO job_queue (office_id, key, role, title, status, admitted, created_at, ready_at, started_at)
       SELECT $1, n::text, (ARRAY['BE', 'QA'])[1 + n % 2], 'T', s, true, '2026-01-01'::timestamptz + (n / 3) * interval '1 us',
         CASE s WHEN 'ready' THEN now() END, CASE WHEN s NOT IN ('ready', 'pending') THEN now() END
       FROM generate_series(1, 60) n, LATERAL (SELECT (ARRAY['done', 'failed', 'ready', 'pending', 'timeout'])[1 + n % 5] AS s) x`,
      [office.id],
    );
    const all = await sql<{ key: string; status: JobState; role: string }>(
      api(),
      "SELECT key, status, role FROM job_queue WHERE office_id = $1 ORDER BY created_at DESC, id DESC",
      [office.id],
    );
    const filters = fc.record(
      { status: fc.subarray([...JOB_STATES], { minLength: 1 }), role: fc.constantFrom("BE", "QA", "PO") },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(filters, fc.integer({ min: 1, max: 61 }), async (filter, limit) => {
        const found = await pages(api(), office, filter, limit);
        const expected = all.filter(
          ({ status, role }) => (filter.status?.includes(status) ?? true) && (filter.role ?? role) === role,
        );
        expect(found.flat().map(({ key }) => key)).toEqual(expected.map(({ key }) => key));
        for (const page of found.slice(0, -1)) expect(page).toHaveLength(limit);
      }),
      { numRuns: 40 },
    );
  });

  test("may be short where few of many jobs match; what there is is found all the same", async () => {
    const office = await api().createOffice();
    await sql(
      api(),
      `INSERT INTO job_queue (office_id, key, title, status, admitted, created_at)
       SELECT $1, n::text, 'T', CASE WHEN n IN (1, 2, 25000, 44999) THEN 'failed' ELSE 'done' END, true,
         '2026-01-01'::timestamptz + n * interval '1 s'
       FROM generate_series(1, 45000) n`,
      [office.id],
    );
    const found = await pages(api(), office, { status: ["failed"] }, 100);
    expect(found.map((page) => page.map(({ key }) => key))).toEqual([["44999"], ["25000"], ["2", "1"]]);
  });

  test("more open jobs than are sorted are walked through like all others", async () => {
    const office = await api().createOffice();
    await office.submit({ waits: {} });
    await sql(
      api(),
      `INSERT INTO job_queue (office_id, key, title, status, admitted, ready_at)
       SELECT $1, n::text, 'T', 'ready', true, now() FROM generate_series(1, 5000) n`,
      [office.id],
    );
    const found = await pages(api(), office, { status: ["ready"] }, 1_000);
    expect(found.map((page) => page.length)).toEqual([1_000, 1_000, 1_000, 1_000, 1_000, 1]);
    expect(new Set(found.flat().map(({ id }) => id)).size).toBe(5_001);
  });

  test.for(["", "x", "AAAA", Buffer.from("2026-01-01 x").toString("base64url"), "%00", "next'; --"])(
    "%j is no cursor",
    async (cursor) => {
      const office = await api().createOffice();
      const path = `/api/offices/${office.id}/jobs?cursor=${encodeURIComponent(cursor)}`;
      const problem = problemIn(await api().request("GET", path));
      expect(problem).toMatchObject({ status: 400, code: "invalid_request", errors: [{ field: "query.cursor" }] });
    },
  );

  test("a moment that no calendar knows is no cursor", async () => {
    const office = await api().createOffice();
    for (const at of ["2026-02-31 00:00:00+00", "2026-13-01 00:00:00+00", "999999-01-01 00:00:00+00"]) {
      const cursor = Buffer.from(`${at} ${office.id}`).toString("base64url");
      const problem = problemIn(await api().request("GET", `/api/offices/${office.id}/jobs?cursor=${cursor}`));
      expect(problem).toMatchObject({ status: 400, errors: [{ field: "query.cursor" }] });
    }
  });
});
