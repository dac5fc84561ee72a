import { cancelled, completed, interrupted, timedOut, workerLost } from "office-server/domain/lifecycle.ts";
import { describe, expect, test } from "vitest";
import { setupFile } from "../../../../../test/support/scheduler.ts";
import { problemsOf } from "../../../../../test/support/soundness.ts";
import { settlementOf } from "../../../../../test/support/testOffice.ts";

const world = setupFile();

/** An office in which one job runs. */
async function withRunningJob() {
  const office = await world().createOffice();
  await office.submit({ a: {} });
  const job = await office.claimOne();
  return { office, job, before: (await office.events()).length };
}

describe("an execution that ended", () => {
  test("well: the job is done and keeps the result, its execution and its log entry say so", async () => {
    const { office, job, before } = await withRunningJob();
    const { settled } = await office.settle(job, completed({ text: "ok" }), { output: "/sessions/1" });
    expect(settled).toEqual([job.execution_id]);
    const row = await office.job("a");
    expect(row).toMatchObject({ status: "done", result: { text: "ok" }, error_class: null, run_at: null });
    const [execution] = await office.executions();
    expect(execution).toMatchObject({
      status: "completed",
      exit_code: 0,
      error_class: null,
      ended_at: row.completed_at,
    });
    const events = await office.events(before);
    expect(events).toEqual([
      expect.objectContaining({
        type: "job_completed",
        job_id: office.idOf("a"),
        job_key: "a",
        role: "BE",
        execution_id: job.execution_id,
        attempt: 1,
        timestamp: row.completed_at?.toISOString(),
        details: { output: "/sessions/1" },
      }),
    ]);
    await expect(problemsOf(office)).resolves.toEqual([]);
  });

  test("badly: the job says of which class the failure is, and why", async () => {
    const { office, job, before } = await withRunningJob();
    await office.fail(job, "GIT_CONFLICT");
    const failure = { error_class: "GIT_CONFLICT", error_message: "it is broken" };
    await expect(office.job("a")).resolves.toMatchObject({ status: "failed", ...failure, retry_count: 0 });
    await expect(office.executions()).resolves.toMatchObject([{ status: "failed", exit_code: 1, ...failure }]);
    const [event] = await office.events(before);
    expect(event).toMatchObject({
      type: "job_failed",
      details: { reason: "failed", error_class: "GIT_CONFLICT", message: "it is broken", exit_code: 1 },
    });
  });

  test("by its deadline: the job is timed out", async () => {
    const { office, job, before } = await withRunningJob();
    await office.settle(job, timedOut({ errorClass: "TIMEOUT", errorMessage: "too long", exitCode: null }));
    await expect(office.job("a")).resolves.toMatchObject({ status: "timeout", error_class: "TIMEOUT" });
    await expect(office.executions()).resolves.toMatchObject([{ status: "timeout" }]);
    await expect(office.story(before)).resolves.toEqual(["job_timeout a"]);
  });

  test("by a stop for cancellation that the database has not heard of: the job is cancelled, and what depends on it", async () => {
    const office = await world().createOffice();
    await office.submit({ a: {}, b: { depends_on: ["a"] } });
    await office.settle(await office.claimOne(), cancelled());
    await expect(office.states()).resolves.toEqual({ a: "cancelled", b: "cancelled" });
    expect((await office.job("a")).cancelled_at).toBeInstanceOf(Date);
    await expect(problemsOf(office)).resolves.toEqual([]);
  });

  test.each([interrupted(), workerLost()])("$way: the job is ready again at once, at no cost", async (exit) => {
    const { office, job, before } = await withRunningJob();
    await office.settle(job, exit);
    await expect(office.job("a")).resolves.toMatchObject({ status: "ready", retry_count: 0, attempt: 1, run_at: null });
    await expect(office.executions()).resolves.toMatchObject([{ status: "lost" }]);
    await expect(office.story(before)).resolves.toEqual(["job_retrying a", "job_ready a"]);
    expect((await office.claimOne()).attempt).toBe(2);
    await expect(problemsOf(office)).resolves.toEqual([]);
  });

  test("to be tried again: the job waits for its time, and the log says until when", async () => {
    const { office, job, before } = await withRunningJob();
    await office.retryLater(job, 60_000);
    const row = await office.job("a");
    const [execution] = await office.executions();
    expect(row).toMatchObject({ status: "pending", retry_count: 1, error_class: "EXIT_CODE", completed_at: null });
    expect(Number(row.run_at) - Number(execution?.ended_at)).toBe(60_000);
    const [event] = await office.events(before);
    expect(event).toMatchObject({
      type: "job_retrying",
      details: { retry_delay_ms: 60_000, error_class: "EXIT_CODE" },
    });
    expect(new Date(String(event?.details["run_at"]))).toEqual(row.run_at);
    await expect(office.claim()).resolves.toEqual(new Map());
    await expect(problemsOf(office)).resolves.toEqual([]);
  });

  test("a new attempt forgets the failure of the last", async () => {
    const { office, job } = await withRunningJob();
    await office.retryLater(job, 0);
    const second = await office.claimOne();
    expect(second).toMatchObject({ attempt: 2, retry_count: 1 });
    await expect(office.job("a")).resolves.toMatchObject({ error_class: null, error_message: null, retry_count: 1 });
    await office.finish(second);
    await expect(office.executions()).resolves.toMatchObject([{ status: "failed" }, { status: "completed" }]);
  });
});

describe("a settlement that comes too late", () => {
  test("with a stale token changes nothing, and is told so", async () => {
    const { office, job } = await withRunningJob();
    const before = [await office.jobs(), await office.executions(), await office.events()];
    const { settled } = await office.finish({ ...job, fencing_token: String(BigInt(job.fencing_token) - 1n) });
    expect(settled).toEqual([]);
    expect([await office.jobs(), await office.executions(), await office.events()]).toEqual(before);
  });

  test("the second one changes nothing", async () => {
    const { office, job } = await withRunningJob();
    await office.finish(job);
    const before = [await office.jobs(), await office.executions(), await office.events()];
    expect((await office.fail(job)).settled).toEqual([]);
    expect([await office.jobs(), await office.executions(), await office.events()]).toEqual(before);
  });

  test("of an attempt that was given up does not touch the next one", async () => {
    const { office, job } = await withRunningJob();
    await office.settle(job, workerLost());
    const second = await office.claimOne();
    expect((await office.finish(job)).settled).toEqual([]);
    await expect(office.states()).resolves.toEqual({ a: "processing" });
    expect((await office.finish(second)).settled).toEqual([second.execution_id]);
    await expect(problemsOf(office)).resolves.toEqual([]);
  });

  test("does not keep the others in its batch from being put on record", async () => {
    const office = await world().createOffice();
    await office.submit({ a: {}, b: {} });
    const jobs = await office.claim();
    const [a, b] = [jobs.get("a"), jobs.get("b")];
    if (a === undefined || b === undefined) throw new Error("both were to start");
    await office.finish(a);
    const settlements = [a, b].map((job) => settlementOf(job, completed(null)));
    expect((await office.pass({ settlements })).settled).toEqual([b.execution_id]);
    await expect(office.states()).resolves.toEqual({ a: "done", b: "done" });
  });

  test("each claim has a token that is greater than all before it", async () => {
    const { office, job } = await withRunningJob();
    await office.retryLater(job, 0);
    expect(BigInt((await office.claimOne()).fencing_token)).toBeGreaterThan(BigInt(job.fencing_token));
  });
});

test("a pass settles, unlocks and claims in one go", async () => {
  const office = await world().createOffice({ maxConcurrentJobs: 1 });
  await office.submit({ a: {}, b: { depends_on: ["a"], priority: -1 }, c: {} });
  const a = await office.claimOne();
  const { settled, activated, claimed } = await office.pass({ settlements: [settlementOf(a, completed(null))] });
  expect([settled, activated, claimed.map(({ key }) => key)]).toEqual([[a.execution_id], 1, ["b"]]);
  const story = await office.story();
  expect(story.slice(-4)).toEqual(["job_started a", "job_completed a", "job_ready b", "job_started b"]);
  await expect(problemsOf(office, { office: 1 })).resolves.toEqual([]);
});
