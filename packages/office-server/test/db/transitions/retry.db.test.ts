import { completed, retrying } from "office-server/domain/lifecycle.ts";
import { describe, expect, test } from "vitest";
import { setupFile } from "../../../../../test/support/scheduler.ts";
import { problemsOf } from "../../../../../test/support/soundness.ts";
import { settlementOf } from "../../../../../test/support/testOffice.ts";

const world = setupFile();

async function withFailedChain() {
  const office = await world().createOffice();
  await office.submit({ a: {}, b: { depends_on: ["a"] }, c: { depends_on: ["b"] } });
  await office.fail(await office.claimOne());
  return office;
}

describe("an explicit retry", () => {
  test("brings back the job and what its failure had cancelled", async () => {
    const office = await withFailedChain();
    const before = (await office.events()).length;
    await expect(office.retry(["a"])).resolves.toEqual(["a", "b", "c"]);
    await expect(office.states()).resolves.toEqual({ a: "ready", b: "pending", c: "pending" });
    await expect(office.job("b")).resolves.toMatchObject({
      unmet_count: 1,
      caused_by: null,
      error_class: null,
      error_message: null,
      cancelled_at: null,
    });
    const events = await office.events(before);
    expect(events.map(({ type, job_key: key, attempt }) => [type, key, attempt])).toEqual([
      ["job_retrying", "a", 1],
      ["job_retrying", "b", null],
      ["job_retrying", "c", null],
      ["job_ready", "a", null],
    ]);
    expect(events[0]?.details).toEqual({ explicit: true, was: "failed" });
    for (const _ of "abc") await office.finish(await office.claimOne());
    await expect(office.states()).resolves.toEqual({ a: "done", b: "done", c: "done" });
    await expect(problemsOf(office)).resolves.toEqual([]);
  });

  test("starts with a full set of retries, and counts attempts on", async () => {
    const office = await world().createOffice();
    await office.submit({ a: {} });
    await office.retryLater(await office.claimOne(), 0);
    await office.fail(await office.claimOne());
    await office.retry(["a"]);
    await expect(office.claimOne()).resolves.toMatchObject({ attempt: 3, retry_count: 0 });
  });

  test("without downstream leaves the others cancelled", async () => {
    const office = await withFailedChain();
    await expect(office.retry(["a"], { downstream: false })).resolves.toEqual(["a"]);
    await expect(office.states()).resolves.toEqual({ a: "ready", b: "cancelled", c: "cancelled" });
    await office.finish(await office.claimOne());
    await expect(office.job("b")).resolves.toMatchObject({ status: "cancelled", unmet_count: 0 });
    await expect(office.retry(["b"])).resolves.toEqual(["b", "c"]);
    await expect(office.states()).resolves.toEqual({ a: "done", b: "ready", c: "pending" });
    await expect(problemsOf(office)).resolves.toEqual([]);
  });

  test("leaves alone what was cancelled for its own sake", async () => {
    const office = await world().createOffice();
    await office.submit({ a: {}, b: { depends_on: ["a"] }, c: { depends_on: ["a"] } });
    await office.cancel("c");
    await office.fail(await office.claimOne());
    await expect(office.retry(["a"])).resolves.toEqual(["a", "b"]);
    await expect(office.states()).resolves.toEqual({ a: "ready", b: "pending", c: "cancelled" });
  });

  test("of a cancelled job whose dependency is still cancelled is undone at once", async () => {
    const office = await withFailedChain();
    await expect(office.retry(["b"])).resolves.toEqual(["b", "c"]);
    await expect(office.states()).resolves.toEqual({ a: "failed", b: "cancelled", c: "cancelled" });
    await expect(office.job("b")).resolves.toMatchObject({ caused_by: office.idOf("a") });
    await expect(problemsOf(office)).resolves.toEqual([]);
  });

  test("of one of two failed dependencies: what waits for both is cancelled again, for the other's sake", async () => {
    const office = await world().createOffice();
    await office.submit({ a: {}, b: {}, both: { depends_on: ["a", "b"] } });
    for (const job of (await office.claim()).values()) await office.fail(job);
    const { caused_by: cause } = await office.job("both");
    const [first = "", second = ""] = cause === office.idOf("a") ? ["a", "b"] : ["b", "a"];
    await office.retry([first]);
    await expect(office.job("both")).resolves.toMatchObject({ status: "cancelled", caused_by: office.idOf(second) });
    await office.retry([second]);
    await expect(office.states()).resolves.toEqual({ a: "ready", b: "ready", both: "pending" });
    await expect(problemsOf(office)).resolves.toEqual([]);
  });

  test("of a job that is done runs it again; what depends on it counts it as missing again", async () => {
    const office = await world().createOffice();
    await office.submit({ a: {}, b: { depends_on: ["a"] }, c: { depends_on: ["a", "b"] } });
    await office.settle(await office.claimOne(), completed({ text: "first" }));
    const b = await office.claimOne();
    await expect(office.retry(["a"])).resolves.toEqual(["a"]);
    await expect(office.job("a")).resolves.toMatchObject({ status: "ready", result: null, completed_at: null });
    await expect(office.job("c")).resolves.toMatchObject({ unmet_count: 2 });
    await office.finish(b);
    await expect(office.job("c")).resolves.toMatchObject({ status: "pending", unmet_count: 1 });
    await office.finish(await office.claimOne());
    await expect(office.states()).resolves.toEqual({ a: "done", b: "done", c: "ready" });
  });

  test("of a job that is done keeps a ready job that depends on it from starting before it is done again", async () => {
    const office = await world().createOffice({ maxConcurrentJobs: 2, maxConcurrentByRole: { FE: 1 } });
    await office.submit({ a: {}, b: { depends_on: ["a"], priority: -1 }, other: { priority: 1 } });
    const jobs = await office.claim();
    for (const job of jobs.values()) if (job.key === "a") await office.finish(job);
    await expect(office.job("b")).resolves.toMatchObject({ status: "ready" });
    await office.retry(["a"]);
    const a = await office.claimOne();
    expect(a.key).toBe("a");
    await office.finish(a);
    expect((await office.claimOne()).key).toBe("b");
    await expect(problemsOf(office)).resolves.toEqual([]);
  });

  test.each([1, 2])(
    "of a job that then fails, ends what ran meanwhile and is to be retried: %d at once",
    async (count) => {
      const office = await world().createOffice({ maxConcurrentJobs: 9 });
      const keys = ["x", "y"].slice(0, count);
      await office.submit({ a: {}, ...Object.fromEntries(keys.map((key) => [key, { depends_on: ["a"] }])) });
      await office.finish(await office.claimOne());
      const { claimed } = await office.pass();
      await office.retry(["a"], { downstream: false });
      await office.fail(await office.claimOne());
      const failure = { errorClass: "EXIT_CODE", errorMessage: "exit code 1", exitCode: 1 } as const;
      await office.pass({ settlements: claimed.map((job) => settlementOf(job, retrying(failure, 0))) });
      const ended = Object.fromEntries(keys.map((key) => [key, "cancelled"]));
      await expect(office.states()).resolves.toEqual({ a: "failed", ...ended });
      await expect(problemsOf(office)).resolves.toEqual([]);
    },
  );

  test.each(["pending", "ready", "processing"])("of a job that is %s changes nothing", async (state) => {
    const office = await world().createOffice({ maxConcurrentJobs: 1 });
    await office.submit({ processing: { priority: -1 }, ready: {}, pending: { depends_on: ["processing"] } });
    await office.claimOne();
    await expect(office.states()).resolves.toEqual({ pending: "pending", ready: "ready", processing: "processing" });
    const before = [await office.jobs(), await office.events()];
    await expect(office.retry([state])).resolves.toEqual([]);
    expect([await office.jobs(), await office.events()]).toEqual(before);
  });

  test("of a cancelled job whose session is still being stopped is refused", async () => {
    const office = await world().createOffice();
    await office.submit({ a: {}, b: { depends_on: ["a"] } });
    const job = await office.claimOne();
    await office.cancel("a");
    await expect(office.retry(["a"], { downstream: false })).resolves.toEqual([]);
    await expect(office.states()).resolves.toEqual({ a: "cancelled", b: "cancelled" });
    await office.finish(job);
    await expect(office.retry(["a"])).resolves.toEqual(["a", "b"]);
    await expect(office.claimOne()).resolves.toMatchObject({ attempt: 2 });
    await expect(problemsOf(office)).resolves.toEqual([]);
  });

  test("of a job of another office changes nothing", async () => {
    const [one, other] = [await world().createOffice(), await withFailedChain()];
    Object.assign(one, { idOf: () => other.idOf("a") });
    await expect(one.retry(["a"])).resolves.toEqual([]);
    await expect(other.states()).resolves.toMatchObject({ a: "failed" });
  });
});
