import { newJobId } from "office-server/platform/ids.ts";
import { describe, expect, onTestFinished, test } from "vitest";
import { type ForeignRow, insertCycle, insertRows } from "../../../../test/support/foreignJobs.ts";
import { setup, sql, type WorkerOptions } from "../../../../test/support/scheduler.ts";
import { endsAtOnce } from "../../../../test/support/scriptedRuntime.ts";
import { problemsOf } from "../../../../test/support/soundness.ts";

// Another program writes into job_queue and tells nobody. No loop here has a tick.

/** An office that knows how to run every role, and a worker that runs what comes. */
async function withWorker(options: WorkerOptions = endsAtOnce) {
  const world = await setup();
  const office = await world.createOffice({ maxConcurrentJobs: 9 });
  const session = { run: "true", cwd: "/", env: {} };
  await sql(office, "UPDATE offices SET roles = $2 WHERE id = $1", [office.id, { default: session, QA: session }]);
  const worker = await world.startWorker(options);
  /** The keys of the jobs in the order in which they started. */
  const starts = (): string[] =>
    worker.runtime.starts.map((start) => office.keysOf([start.split("#")[0] ?? ""])[0] ?? "");
  const statesByKey = async (): Promise<Record<string, string>> =>
    Object.fromEntries((await office.jobs()).map(({ id, status }) => [office.keysOf([id])[0], status]));
  const job = async (key: string) => (await office.jobs()).find(({ id }) => id === office.idOf(key));
  onTestFinished(async () => {
    expect(worker.warnings.filter((line) => !line.includes("failed for good"))).toEqual([]);
  });
  return { world, office, worker, starts, statesByKey, job };
}

describe("rows of another program run by themselves", () => {
  test("a whole graph, written in one statement", async () => {
    const { world, office, starts } = await withWorker();
    const ended = world.whenEnded(office, 4);
    await insertRows(
      world,
      office,
      [
        { key: "last", depends_on: ["left", "right"] },
        { key: "left", depends_on: ["first"] },
        { key: "right", depends_on: ["first", "first"] },
        { key: "first" },
      ].toReversed(),
    );
    await ended;
    expect([starts()[0], starts()[3]]).toEqual(["first", "last"]);
    await expect(problemsOf(office)).resolves.toEqual([]);
  });

  test("with a way to run of their own: in the office's folder where they do not say", async () => {
    const { world, office, worker } = await withWorker();
    await sql(world, "UPDATE offices SET repo_path = '/usr' WHERE id = $1", [office.id]);
    const ended = world.whenEnded(office, 3);
    await sql(
      world,
      `INSERT INTO job_queue (office_id, title, session, priority) VALUES
       ($1, 'bare', '{"run": "true"}', 1), ($1, 'own', '{"command": ["ls"], "cwd": "/etc", "env": {"A": "b"}}', 2), ($1, 'role', NULL, 3)`,
      [office.id],
    );
    await ended;
    const started = worker.runtime.starts.map((start) => worker.runtime.started(start.split("#")[0] ?? ""));
    expect((await Promise.all(started)).map(({ request }) => request.spec)).toEqual([
      { run: "true", cwd: "/usr", env: {} },
      { command: ["ls"], cwd: "/etc", env: { A: "b" } },
      { run: "true", cwd: "/", env: {} },
    ]);
  });

  test("from a connection that looks for tables elsewhere", async () => {
    const { world, office, starts } = await withWorker();
    const ended = world.whenEnded(office, 2);
    await insertRows(world, office, [{ key: "a" }], "pg_catalog");
    await insertRows(world, office, [{ key: "b", depends_on: ["a"] }], '"$user"');
    await ended;
    expect(starts()).toEqual(["a", "b"]);
  });

  test.each(["ready", "processing"])(
    "that say they are %s: they wait for what they depend on all the same",
    async (status) => {
      const { world, office, starts } = await withWorker();
      const ended = world.whenEnded(office, 2);
      await insertRows(world, office, [
        { key: "a", status },
        { key: "b", status, depends_on: ["a"] },
      ]);
      await ended;
      expect(starts()).toEqual(["a", "b"]);
      await expect(problemsOf(office)).resolves.toEqual([]);
    },
  );

  test("with their priority, and the role that their metadata names", async () => {
    const { world, office, worker } = await withWorker({});
    await insertRows(world, office, [{ key: "a", metadata: { role: "QA" }, priority: -4 }]);
    const { request } = await worker.runtime.started(office.idOf("a"));
    expect([request.role, request.title]).toEqual(["QA", "a"]);
    const created = (await office.events()).find(({ type }) => type === "job_created");
    expect(created).toMatchObject({ role: "QA", details: { title: "a", priority: -4 } });
  });

  test("after what they depend on was written, and done", async () => {
    const { world, office, starts } = await withWorker();
    const first = world.whenEnded(office, 1);
    await insertRows(world, office, [{ key: "a" }]);
    await first;
    const both = world.whenEnded(office, 2);
    await insertRows(world, office, [{ key: "b", depends_on: ["a"] }]);
    await both;
    expect(starts()).toEqual(["a", "b"]);
  });

  test("before what they depend on is written", async () => {
    const { world, office, starts, statesByKey } = await withWorker();
    office.adopt("a", newJobId());
    const waits = world.whenEvent(office, ({ type, job_id: id }) => type === "job_created" && id === office.idOf("b"));
    const id = office.idOf("a");
    await insertRows(world, office, [{ key: "b", depends_on: ["a"] }]);
    await waits;
    await expect(statesByKey()).resolves.toEqual({ b: "pending" });
    const ended = world.whenEnded(office, 2);
    await sql(world, "INSERT INTO job_queue (id, office_id, title) VALUES ($1, $2, 'a')", [id, office.id]);
    await ended;
    expect(starts()).toEqual(["a", "b"]);
    await expect(problemsOf(office)).resolves.toEqual([]);
  });

  test.each([
    ["done", "done"],
    ["failed", "cancelled"],
    ["cancelled", "cancelled"],
  ])("before what they depend on is written as %s: they end %s", async (status, end) => {
    const { world, office, statesByKey } = await withWorker();
    office.adopt("a", newJobId());
    const id = office.idOf("a");
    const waits = world.whenEvent(office, ({ type }) => type === "job_created");
    await insertRows(world, office, [{ key: "b", depends_on: ["a"] }]);
    await waits;
    const ended = world.whenEnded(office, 1);
    await sql(world, "INSERT INTO job_queue (id, office_id, title, status) VALUES ($1, $2, 'a', $3)", [
      id,
      office.id,
      status,
    ]);
    await ended;
    await expect(statesByKey()).resolves.toEqual({ a: status, b: end });
    await expect(problemsOf(office)).resolves.toEqual([]);
  });

  test("on jobs of ours, and ours on them", async () => {
    const { world, office, worker, starts } = await withWorker();
    const ended = world.whenEnded(office, 3);
    await office.submit({ ours: { session: { run: "true", cwd: "/", env: {} } } });
    await insertRows(world, office, [{ key: "theirs", depends_on: ["ours"] }]);
    await office.submit({ again: { depends_on: ["theirs"] } });
    worker.loop.wake(office.id);
    await ended;
    expect(starts()).toEqual(["ours", office.keysOf([office.idOf("theirs")])[0], "again"]);
    await expect(problemsOf(office)).resolves.toEqual([]);
  });

  test("hundreds of them, from several programs at once, each once", async () => {
    const { world, office, starts } = await withWorker();
    await world.startWorker(endsAtOnce);
    const ended = world.whenEnded(office, 300);
    const batch = (prefix: number): ForeignRow[] =>
      Array.from({ length: 50 }, (_, index) => ({
        key: `${prefix}-${index}`,
        depends_on: index === 0 ? [] : [`${prefix}-${index - 1 - (index % 3)}`].filter((key) => !key.endsWith("--1")),
      }));
    await Promise.all([1, 2, 3, 4, 5, 6].map((prefix) => insertRows(world, office, batch(prefix))));
    await ended;
    expect(new Set(starts()).size).toBe(starts().length);
    await expect(problemsOf(office, { office: 9 })).resolves.toEqual([]);
  });
});

describe("rows of another program that can never run fail", () => {
  test("on a cycle, which is named in order; what depends on it is cancelled, the rest runs", async () => {
    const { world, office, statesByKey, job } = await withWorker();
    const ended = world.whenEnded(office, 5);
    await insertCycle(world, office, ["a", "b", "c"], [{ key: "behind", depends_on: ["b"] }, { key: "free" }]);
    await ended;
    await expect(statesByKey()).resolves.toEqual({
      a: "failed",
      b: "failed",
      c: "failed",
      behind: "cancelled",
      free: "done",
    });
    const [a, b, c] = ["a", "b", "c"].map((key) => `${key} (${office.idOf(key)})`);
    for (const key of ["a", "b", "c"]) {
      await expect(job(key)).resolves.toMatchObject({
        error_class: "INVALID_JOB",
        error_message: `it is part of a cycle: ${a} → ${b} → ${c} → ${a}`,
        attempt: 0,
      });
    }
    const failed = (await office.events()).filter(({ type }) => type === "job_failed");
    expect(failed.map(({ details }) => details["error_class"])).toEqual(["INVALID_JOB", "INVALID_JOB", "INVALID_JOB"]);
    await expect(problemsOf(office)).resolves.toEqual([]);
  });

  test("when a later row closes a cycle through earlier ones, one of them ours", async () => {
    const { world, office, worker, statesByKey } = await withWorker();
    for (const key of ["closing", "ours"]) office.adopt(key, newJobId());
    const closing = office.idOf("closing");
    await insertRows(world, office, [{ key: "theirs", depends_on: ["closing"] }]);
    await world.whenEvent(office, ({ type }) => type === "job_created");
    await office.submit({ ours: { depends_on: ["theirs"] } });
    worker.loop.wake(office.id);
    const ended = world.whenEnded(office, 3);
    await sql(world, "INSERT INTO job_queue (id, office_id, title, depends_on) VALUES ($1, $2, 'closing', $3)", [
      closing,
      office.id,
      [office.idOf("ours")],
    ]);
    await ended;
    await expect(statesByKey()).resolves.toEqual({ theirs: "failed", ours: "failed", closing: "failed" });
    await expect(problemsOf(office)).resolves.toEqual([]);
  });

  test("where they depend on themselves", async () => {
    const { world, office, job } = await withWorker();
    const ended = world.whenEnded(office, 2);
    await insertCycle(world, office, ["a"], [{ key: "behind", depends_on: ["a"] }]);
    await ended;
    await expect(job("a")).resolves.toMatchObject({
      error_class: "INVALID_JOB",
      error_message: "it depends on itself",
    });
    await expect(job("behind")).resolves.toMatchObject({ status: "cancelled", caused_by: office.idOf("a") });
  });

  test("where they depend on a job of another office", async () => {
    const { world, office, job } = await withWorker();
    const other = await world.createOffice();
    await other.submit({ elsewhere: { depends_on: [] } });
    await other.cancel("elsewhere");
    office.adopt("elsewhere", other.idOf("elsewhere"));
    const ended = world.whenEnded(office, 1);
    await insertRows(world, office, [{ key: "a", depends_on: ["elsewhere"] }]);
    await ended;
    await expect(job("a")).resolves.toMatchObject({
      status: "failed",
      error_class: "INVALID_JOB",
      error_message: `it depends on job ${other.idOf("elsewhere")}, which belongs to another office`,
    });
  });

  test("where what they depend on turns out to be of another office, when that comes later", async () => {
    const { world, office, worker, job } = await withWorker();
    const other = await world.createOffice();
    other.adopt("late", newJobId());
    office.adopt("late", other.idOf("late"));
    const waits = world.whenEvent(office, ({ type }) => type === "job_created");
    await insertRows(world, office, [{ key: "a", depends_on: ["late"] }]);
    await waits;
    await sql(world, "INSERT INTO job_queue (id, office_id, title, session) VALUES ($1, $2, 'late', $3)", [
      other.idOf("late"),
      other.id,
      { run: "true", cwd: "/", env: {} },
    ]);
    await world.whenEvent(other, ({ type }) => type === "job_completed");
    await expect(job("a")).resolves.toMatchObject({ status: "failed", error_class: "INVALID_JOB" });
    expect(worker.runtime.starts).toEqual([`${other.idOf("late")}#1`]);
    for (const each of [office, other]) await expect(problemsOf(each)).resolves.toEqual([]);
  });

  test("where that has ended badly when it comes: only their own office decides about them", async () => {
    const { world, office, job } = await withWorker();
    const other = await world.createOffice();
    other.adopt("late", newJobId());
    office.adopt("late", other.idOf("late"));
    const waits = world.whenEvent(office, ({ type }) => type === "job_created");
    await insertRows(world, office, [{ key: "a", depends_on: ["late"] }]);
    await waits;
    const ended = world.whenEnded(office, 1);
    await sql(world, "INSERT INTO job_queue (id, office_id, title, status) VALUES ($1, $2, 'late', 'cancelled')", [
      other.idOf("late"),
      other.id,
    ]);
    await ended;
    await expect(job("a")).resolves.toMatchObject({ status: "failed", error_class: "INVALID_JOB" });
    for (const each of [office, other]) await expect(problemsOf(each)).resolves.toEqual([]);
  });

  test("a done job in what looks like a cycle is no obstacle", async () => {
    const { world, office, statesByKey } = await withWorker();
    const ended = world.whenEnded(office, 1);
    for (const key of ["a", "b"]) office.adopt(key, newJobId());
    await sql(
      world,
      `INSERT INTO job_queue (id, office_id, title, status, depends_on)
       VALUES ($1, $3, 'a', 'done', ARRAY[$2::uuid]), ($2, $3, 'b', 'pending', ARRAY[$1::uuid])`,
      [office.idOf("a"), office.idOf("b"), office.id],
    );
    await ended;
    await expect(statesByKey()).resolves.toEqual({ a: "done", b: "done" });
    await expect(problemsOf(office)).resolves.toEqual([]);
  });
});
