import { completed, failed } from "office-server/domain/lifecycle.ts";
import { describe, expect, test } from "vitest";
import { setupFile, sql } from "../../../../../test/support/scheduler.ts";
import { problemsOf } from "../../../../../test/support/soundness.ts";
import { settlementOf } from "../../../../../test/support/testOffice.ts";

const world = setupFile();

describe("a job that fails for good", () => {
  test("cancels all that waits for it, directly or not, in the same pass and at the same time", async () => {
    const office = await world().createOffice();
    await office.submit({
      a: {},
      b: { depends_on: ["a"] },
      c: { depends_on: ["b"] },
      d: { depends_on: ["a", "c"] },
      free: { priority: 1 },
    });
    const jobs = await office.claim();
    const a = jobs.get("a");
    if (a === undefined) throw new Error("a was to start");
    await office.fail(a);
    await expect(office.states()).resolves.toEqual({
      a: "failed",
      b: "cancelled",
      c: "cancelled",
      d: "cancelled",
      free: "processing",
    });
    const { completed_at: end } = await office.job("a");
    for (const key of ["b", "c", "d"]) expect((await office.job(key)).cancelled_at).toEqual(end);
    await expect(office.job("b")).resolves.toMatchObject({
      caused_by: office.idOf("a"),
      error_class: "DEPENDENCY_FAILED",
      error_message: "it depends on a, which ended failed",
    });
    const downstream = await office.job("d");
    expect(office.keysOf([downstream.caused_by ?? ""])).toEqual([expect.stringMatching(/^[ac]$/)]);
    const told = (await office.story()).filter((line) => line.startsWith("job_cancelled")).toSorted();
    expect(told).toEqual(["job_cancelled b", "job_cancelled c", "job_cancelled d"]);
    await expect(problemsOf(office)).resolves.toEqual([]);
  });

  test("in one pass with what it shares a dependent with: the dependent is cancelled, not started", async () => {
    const office = await world().createOffice();
    await office.submit({ good: {}, bad: {}, both: { depends_on: ["good", "bad"] } });
    const jobs = [...(await office.claim()).values()];
    const noLuck = failed({ errorClass: "INVALID_JOB", errorMessage: "no luck", exitCode: 1 });
    const settlements = jobs.map((job) => settlementOf(job, job.key === "bad" ? noLuck : completed(null)));
    const { claimed } = await office.pass({ settlements });
    expect(claimed).toEqual([]);
    await expect(office.states()).resolves.toEqual({ good: "done", bad: "failed", both: "cancelled" });
    await expect(problemsOf(office)).resolves.toEqual([]);
  });

  test("cancels nothing that has begun: a dependent that runs again goes on", async () => {
    const office = await world().createOffice();
    await office.submit({ a: {}, b: { depends_on: ["a"] } });
    await office.finish(await office.claimOne());
    const b = await office.claimOne();
    await office.retry(["a"]);
    await office.fail(await office.claimOne());
    await expect(office.states()).resolves.toEqual({ a: "failed", b: "processing" });
    await office.finish(b);
    await expect(office.states()).resolves.toEqual({ a: "failed", b: "done" });
  });

  test("a failure that is to be retried cancels nothing", async () => {
    const office = await world().createOffice();
    await office.submit({ a: {}, b: { depends_on: ["a"] } });
    await office.retryLater(await office.claimOne(), 0);
    await expect(office.states()).resolves.toEqual({ a: "ready", b: "pending" });
  });

  test("of thousands of dependents none is left, and each is told of once", async () => {
    const office = await world().createOffice();
    const dependents = Array.from({ length: 2_000 }, (_, index) => {
      const above = index < 100 ? "root" : `job-${index - 100}`;
      return [`job-${index}`, { depends_on: [...new Set([above, "root"])] }] as const;
    });
    await office.submit({ root: {}, ...Object.fromEntries(dependents) });
    await office.fail(await office.claimOne());
    const states = Object.values(await office.states());
    expect(states.filter((state) => state === "cancelled")).toHaveLength(2_000);
    await expect(problemsOf(office)).resolves.toEqual([]);
  });
});

describe('with onDependencyFailure "block"', () => {
  test("what depends on a failed job is left waiting, and runs when that has succeeded after all", async () => {
    const office = await world().createOffice({ onDependencyFailure: "block" });
    await office.submit({ a: {}, b: { depends_on: ["a"] }, c: { depends_on: ["b"] } });
    await office.fail(await office.claimOne());
    await expect(office.states()).resolves.toEqual({ a: "failed", b: "pending", c: "pending" });
    await expect(office.retry(["a"])).resolves.toEqual(["a"]);
    await office.finish(await office.claimOne());
    await office.finish(await office.claimOne());
    await office.finish(await office.claimOne());
    await expect(office.states()).resolves.toEqual({ a: "done", b: "done", c: "done" });
    await expect(problemsOf(office)).resolves.toEqual([]);
  });

  test("an explicit cancellation leaves them waiting as well", async () => {
    const office = await world().createOffice({ onDependencyFailure: "block" });
    await office.submit({ a: {}, b: { depends_on: ["a"] } });
    await office.cancel("a");
    await expect(office.states()).resolves.toEqual({ a: "cancelled", b: "pending" });
  });

  test("one office's setting says nothing about another's", async () => {
    const blocking = await world().createOffice({ onDependencyFailure: "block" });
    const cancelling = await world().createOffice();
    for (const office of [blocking, cancelling]) await office.submit({ a: {}, b: { depends_on: ["a"] } });
    const both = { officeIds: [blocking.id, cancelling.id] };
    const noLuck = failed({ errorClass: "INVALID_JOB", errorMessage: "no luck", exitCode: 1 });
    const { claimed } = await blocking.pass(both);
    await blocking.pass({ ...both, settlements: claimed.map((job) => settlementOf(job, noLuck)) });
    await expect(blocking.states()).resolves.toEqual({ a: "failed", b: "pending" });
    await expect(cancelling.states()).resolves.toEqual({ a: "failed", b: "cancelled" });
  });
});

test("all of it or nothing: a pass that cannot cancel the dependents does not settle either", async () => {
  const office = await world().createOffice();
  await office.submit({ a: {}, b: { depends_on: ["a"] } });
  const a = await office.claimOne();
  await sql(
    office,
    `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not this one'; END $$;
     CREATE TRIGGER refuse_cancel BEFORE UPDATE ON job_queue FOR EACH ROW
     WHEN (NEW.status = 'cancelled') EXECUTE FUNCTION refuse()`,
  );
  try {
    await expect(office.fail(a)).rejects.toThrow("not this one");
    await expect(office.states()).resolves.toEqual({ a: "processing", b: "pending" });
  } finally {
    await sql(office, "DROP TRIGGER refuse_cancel ON job_queue");
  }
  await office.fail(a);
  await expect(problemsOf(office)).resolves.toEqual([]);
});
