import { ERROR_CLASSES } from "office-contract/vocabulary.ts";
import type { SessionOutcome } from "office-server/domain/outcome.ts";
import type { PermanentFailure } from "office-server/services/scheduler/ExecutionQueue.ts";
import { describe, expect, test } from "vitest";
import { setup } from "../../../../../test/support/scheduler.ts";
import { problemsOf } from "../../../../../test/support/soundness.ts";

/** Runs one job whose sessions all end the same way. */
async function runToEnd(outcome: SessionOutcome) {
  const { createOffice, createWorker, whenEnded } = await setup();
  const office = await createOffice({ retryBaseDelay: 0 });
  await office.submit({ a: {}, b: { depends_on: ["a"] } });
  const failures: PermanentFailure[] = [];
  const { loop, queue, runtime } = createWorker({
    onStart: (session) => session.end(session.request.jobKey === "a" ? outcome : { kind: "finished" }),
  });
  queue.onPermanentFailure = (failure) => failures.push(failure);
  const ended = whenEnded(office, 2);
  await loop.start();
  await ended;
  await loop.stop("finish");
  return { job: await office.job("a"), after: await office.job("b"), failures, starts: runtime.starts, office };
}

describe("what becomes of a job", () => {
  test("that is done", async () => {
    const { job, after, failures, starts } = await runToEnd({ kind: "finished", result: { text: "ok" } });
    expect([job.status, job.result, after.status]).toEqual(["done", { text: "ok" }, "done"]);
    expect([failures, starts]).toEqual([[], ["a#1", "b#1"]]);
  });

  test.each(ERROR_CLASSES.filter((errorClass) => errorClass !== "TIMEOUT"))(
    "that fails with %s",
    async (errorClass) => {
      const { job, after, failures, starts, office } = await runToEnd({
        kind: "failed",
        errorClass,
        message: "no luck",
        exitCode: 3,
      });
      const retried = ["SESSION_CRASH", "NETWORK_ERROR", "RATE_LIMITED", "EXIT_CODE"].includes(errorClass);
      expect(starts).toEqual(retried ? ["a#1", "a#2", "a#3"] : ["a#1"]);
      expect(job).toMatchObject({
        status: "failed",
        error_class: errorClass,
        error_message: "no luck",
        retry_count: retried ? 2 : 0,
      });
      expect(after).toMatchObject({ status: "cancelled", error_class: "DEPENDENCY_FAILED" });
      expect(failures.map((failure) => failure.exit.errorClass)).toEqual([errorClass]);
      await expect(problemsOf(office)).resolves.toEqual([]);
    },
  );

  test("that runs past its deadline every time", async () => {
    const { job, failures, starts, office } = await runToEnd({ kind: "stopped", cause: "timeout" });
    expect([job.status, starts.length, failures.length]).toEqual(["timeout", 3, 1]);
    expect((await office.executions()).map(({ status }) => status)).toEqual(["timeout", "timeout", "timeout"]);
  });

  test("whose session is ended by a signal of someone else's every time", async () => {
    const { job, starts } = await runToEnd({ kind: "signalled", signal: "SIGKILL" });
    expect(job).toMatchObject({
      status: "failed",
      error_class: "SESSION_CRASH",
      error_message: expect.stringContaining("SIGKILL"),
    });
    expect(starts).toHaveLength(3);
  });
});

describe("what a session says of its end is stored, whatever it is", () => {
  test.each([
    ["NUL", "a\0b", "a\ufffdb"],
    ["half a surrogate pair", "a\ud83d", "a\ufffd"],
    ["what looks like an escape", String.raw`\u0000 \ud83d`, String.raw`\u0000 \ud83d`],
    ["quotes and SQL", `'"$$; DROP TABLE job_queue; --`, `'"$$; DROP TABLE job_queue; --`],
    ["five million characters", "x".repeat(5_000_000), "x".repeat(5_000_000)],
    ["nothing", "", ""],
  ])("a message of %s", async (_name, message, stored) => {
    const { job, office } = await runToEnd({ kind: "failed", errorClass: "INVALID_JOB", message, exitCode: null });
    expect(job.status).toBe("failed");
    expect(job.error_message === stored).toBe(true);
    const failed = (await office.events()).find(({ type }) => type === "job_failed");
    expect(failed?.details["message"] === stored).toBe(true);
  });

  test("a result", async () => {
    const { job } = await runToEnd({
      kind: "finished",
      result: { "\0": ["\ud83d", 1e300, null, { a: String.raw`\u0000` }] },
    });
    expect(job.result).toEqual({ "\ufffd": ["\ufffd", 1e300, null, { a: String.raw`\u0000` }] });
  });
});

test("a cancelled job's session is asked to stop, by the worker whose it is alone", async () => {
  const { createOffice, startWorker } = await setup();
  const office = await createOffice({ maxConcurrentJobs: 1 });
  await office.submit({ a: {}, b: {} });
  const { queue, runtime } = await startWorker();
  const other = await startWorker();
  const a = await runtime.started("a");
  const { stopping } = await office.cancel("a");
  other.queue.stopCancelled(stopping);
  expect(a.stops).toEqual([]);
  queue.stopCancelled(stopping);
  queue.stopCancelled(stopping);
  expect(a.stops).toEqual(["cancelled"]);
  await Promise.any([runtime.started("b"), other.runtime.started("b")]);
  await expect(office.states()).resolves.toEqual({ a: "cancelled", b: "processing" });
  await expect(problemsOf(office)).resolves.toEqual([]);
});

test("a session that ends twice is put on record once", async () => {
  const { createOffice, startWorker, whenEnded } = await setup();
  const office = await createOffice();
  await office.submit({ a: {} });
  const { queue, runtime, warnings } = await startWorker();
  const { request } = await runtime.started("a");
  const ended = whenEnded(office, 1);
  for (const kind of ["finished", "finished"] as const) {
    queue.onJobComplete({ executionId: request.executionId, outcome: { kind }, directory: null });
  }
  await ended;
  expect([queue.size, warnings]).toEqual([0, []]);
  await expect(problemsOf(office)).resolves.toEqual([]);
});

test("free slots are what the office's limits leave", async () => {
  const { createOffice, startWorker } = await setup();
  const office = await createOffice({ maxConcurrentJobs: 3, maxConcurrentByRole: { BE: 2, QA: 1 } });
  await office.submit({ a: {}, f: { role: "FE" } });
  const { queue, runtime } = await startWorker();
  await runtime.started("f");
  await expect(queue.getAvailableSlots(office.id)).resolves.toEqual({
    office: 1,
    byRole: new Map([
      ["BE", 1],
      ["QA", 1],
    ]),
  });
  await expect(queue.getAvailableSlots(crypto.randomUUID())).resolves.toBeNull();
});
