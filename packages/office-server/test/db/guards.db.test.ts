import { newId } from "office-server/platform/ids.ts";
import { describe, expect, test } from "vitest";
import { setupFile, sql } from "../../../../test/support/scheduler.ts";
import type { TestOffice } from "../../../../test/support/testOffice.ts";

const world = setupFile();

/** Starts executions behind the scheduler's back: one of each role. */
const insertExecutions = (office: TestOffice, ...roles: string[]) =>
  sql(
    office,
    `INSERT INTO job_executions (id, job_id, office_id, role, attempt, worker_id, fencing_token, timeout_ms, started_at)
     SELECT gen_random_uuid(), gen_random_uuid(), $1, role, 1, 'rogue', nextval('fencing_token'), 1000, now()
     FROM unnest($2::text[]) AS role`,
    [office.id, roles],
  );

const configure = (office: TestOffice, config: string) =>
  sql(office, `UPDATE offices SET scheduler_config = ${config} WHERE id = $1`, [office.id]);

const insertJob = (office: TestOffice, columns: Record<string, unknown>) => {
  const row = { office_id: office.id, title: "A job", admitted: true, ...columns };
  const names = Object.keys(row);
  const places = names.map((_, index) => `$${index + 1}`);
  return sql(office, `INSERT INTO job_queue (${names.join()}) VALUES (${places.join()})`, Object.values(row));
};

describe("limits", () => {
  test("more executions than the office allows are refused", async () => {
    const office = await world().createOffice({ maxConcurrentJobs: 2 });
    await insertExecutions(office, "BE", "FE");
    await expect(insertExecutions(office, "QA")).rejects.toThrow(
      `office ${office.id} would run 3 sessions (limit 2), 1 of them of role`,
    );
    await expect(office.executions()).resolves.toHaveLength(2);
  });

  test("too many in one statement are refused whole", async () => {
    const office = await world().createOffice({ maxConcurrentJobs: 2 });
    await expect(insertExecutions(office, "BE", "FE", "QA")).rejects.toThrow(/limit 2/);
    await expect(office.executions()).resolves.toEqual([]);
  });

  test("more executions than a role allows are refused", async () => {
    const office = await world().createOffice({ maxConcurrentJobs: 9, maxConcurrentByRole: { BE: 1 } });
    await insertExecutions(office, "BE", "FE", "FE");
    await expect(insertExecutions(office, "BE")).rejects.toThrow(/2 of them of role BE \(limit 1\)/);
  });

  test("a role above a limit that was lowered since holds up no other role", async () => {
    const office = await world().createOffice({ maxConcurrentJobs: 9, maxConcurrentByRole: { BE: 2 } });
    await insertExecutions(office, "BE", "BE");
    await configure(office, "jsonb_set(scheduler_config, '{maxConcurrentByRole,BE}', '1')");
    await insertExecutions(office, "FE");
    await expect(insertExecutions(office, "BE")).rejects.toThrow(/3 of them of role BE \(limit 1\)/);
  });

  test("programs that insert at the same time share the slots", async () => {
    const office = await world().createOffice({ maxConcurrentJobs: 3 });
    const racer = world().connect(12);
    const insertion = insertExecutions.bind(
      null,
      Object.assign(Object.create(office) as TestOffice, { database: racer }),
    );
    const results = await Promise.allSettled(Array.from({ length: 12 }, () => insertion("BE")));
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(3);
    await expect(office.executions()).resolves.toHaveLength(3);
  });

  test("an office with settings that lack something is refused", async () => {
    const office = await world().createOffice();
    for (const key of [
      "maxConcurrentJobs",
      "maxConcurrentByRole",
      "defaultTimeout",
      "maxRetries",
      "onDependencyFailure",
    ]) {
      await expect(configure(office, `scheduler_config - '${key}'`), key).rejects.toThrow(
        /null value|offices_scheduler_config|violates check/,
      );
    }
    const zero = "jsonb_set(scheduler_config, '{maxConcurrentJobs}', '0')";
    await expect(configure(office, zero)).rejects.toThrow(/check constraint/);
  });
});

describe("executions", () => {
  test("a job has one live execution at most", async () => {
    const office = await world().createOffice({ maxConcurrentJobs: 9 });
    await office.submit({ a: {} });
    await office.claimOne();
    const second = sql(
      office,
      `INSERT INTO job_executions (id, job_id, office_id, role, attempt, worker_id, fencing_token, timeout_ms, started_at)
       VALUES ($1, $2, $3, 'BE', 2, 'rogue', 1, 1000, now())`,
      [newId(), office.idOf("a"), office.id],
    );
    await expect(second).rejects.toThrow(/job_executions_live/);
  });

  test("an attempt cannot exist twice", async () => {
    const office = await world().createOffice();
    await office.submit({ a: {} });
    await office.finish(await office.claimOne());
    const copy = "INSERT INTO job_executions SELECT e.* FROM job_executions e WHERE office_id = $1";
    await expect(sql(office, copy, [office.id])).rejects.toThrow(/job_executions_pkey/);
  });

  test.each([
    ["ended, and says running", "ended_at = now()"],
    ["running, and says completed", "status = 'completed'"],
    ["of a state that does not exist", "status = 'paused'"],
    ["stopped for a cause that does not exist", "stop_cause = 'boredom'"],
    ["of attempt 0", "attempt = 0"],
    ["without time to run", "timeout_ms = 0"],
  ])("none is %s", async (_case, change) => {
    const office = await world().createOffice();
    await insertExecutions(office, "BE");
    await expect(sql(office, `UPDATE job_executions SET ${change} WHERE office_id = $1`, [office.id])).rejects.toThrow(
      /violates check|is \w+ with ready_at/,
    );
  });
});

describe("jobs", () => {
  test.each([
    ["ready without saying since when", { status: "ready" }],
    ["pending and ready since", { status: "pending", ready_at: new Date() }],
    ["done and waiting for a time", { status: "done", run_at: new Date() }],
    ["ready before it was taken in", { status: "ready", ready_at: new Date(), admitted: false }],
    ["waiting for less than nothing", { unmet_count: -1 }],
    ["of a negative attempt", { attempt: -1 }],
    ["of a negative number of retries", { retry_count: -1 }],
    ["allowed a negative number of retries", { max_retries: -1 }],
    ["without time to run", { timeout_ms: 0 }],
    ["without a role", { role: "" }],
  ])("none is %s", async (_case, columns) => {
    const office = await world().createOffice();
    await expect(insertJob(office, columns)).rejects.toThrow(/violates check|is \w+ with ready_at/);
  });

  test("a job and its dependency are two", async () => {
    const edge = sql(world(), "INSERT INTO job_dependencies VALUES ($1, $1)", [newId()]);
    await expect(edge).rejects.toThrow(/violates check|is \w+ with ready_at/);
  });
});

describe("deleting", () => {
  const remove = (office: TestOffice, ...keys: string[]) =>
    sql(office, "DELETE FROM job_queue WHERE id = ANY ($1)", [keys.map((key) => office.idOf(key))]);
  const edges = (office: TestOffice) =>
    sql(
      office,
      "SELECT 1 FROM job_dependencies d JOIN job_queue j ON j.id IN (d.job_id, d.depends_on_id) WHERE j.office_id = $1",
      [office.id],
    );

  test("a running job stays", async () => {
    const office = await world().createOffice();
    await office.submit({ a: {} });
    await office.claimOne();
    await expect(remove(office, "a")).rejects.toThrow(/is running/);
  });

  test("a cancelled job stays for as long as its session does", async () => {
    const office = await world().createOffice();
    await office.submit({ a: {} });
    const job = await office.claimOne();
    await office.cancel("a");
    await expect(remove(office, "a")).rejects.toThrow(/is running/);
    await office.finish(job);
    await remove(office, "a");
    await expect(office.executions()).resolves.toEqual([]);
  });

  test("a job that others wait for stays, unless they go with it", async () => {
    const office = await world().createOffice();
    await office.submit({ a: {}, b: { depends_on: ["a"] } });
    await expect(remove(office, "a")).rejects.toThrow(/other jobs wait for it/);
    await remove(office, "a", "b");
    await expect(edges(office)).resolves.toEqual([]);
  });

  test("a finished job takes its edges and all its executions along", async () => {
    const office = await world().createOffice();
    await office.submit({ a: {}, b: { depends_on: ["a"] } });
    await office.retryLater(await office.claimOne(), 0);
    await office.finish(await office.claimOne());
    await office.finish(await office.claimOne());
    await expect(office.executions()).resolves.toHaveLength(3);
    await remove(office, "a");
    await expect(office.executions()).resolves.toHaveLength(1);
    await remove(office, "b");
    await expect(office.executions()).resolves.toEqual([]);
    await expect(edges(office)).resolves.toEqual([]);
  });

  test("an office goes with everything in it", async () => {
    const [office, other] = [await world().createOffice(), await world().createOffice()];
    for (const each of [office, other]) {
      await each.submit({ a: {}, b: { depends_on: ["a"] } });
      await each.claimOne();
    }
    await sql(world(), "DELETE FROM offices WHERE id = $1", [office.id]);
    for (const table of ["job_tasks", "job_queue", "job_executions", "job_events"]) {
      const text = `SELECT DISTINCT office_id FROM ${table} WHERE office_id = ANY ($1)`;
      await expect(sql(world(), text, [[office.id, other.id]]), table).resolves.toEqual([{ office_id: other.id }]);
    }
    await expect(edges(office)).resolves.toEqual([]);
    await expect(edges(other)).resolves.not.toEqual([]);
  });
});
