import { completed, failed, retrying } from "office-server/domain/lifecycle.ts";
import { describe, expect, test } from "vitest";
import { setupFile, waitingForLock } from "../../../../../test/support/scheduler.ts";
import { problemsOf } from "../../../../../test/support/soundness.ts";

const world = setupFile();

const noLuck = { errorClass: "EXIT_CODE", errorMessage: "no luck", exitCode: 1 } as const;

describe("cancelling", () => {
  test("a waiting job and a ready one: they never run", async () => {
    const office = await world().createOffice();
    await office.submit({ ready: {}, later: {}, waiting: { depends_on: ["later"] } });
    const { cancelled, stopping } = await office.cancel("ready", "waiting");
    expect([office.keysOf(cancelled), stopping]).toEqual([["ready", "waiting"], []]);
    await expect(office.job("ready")).resolves.toMatchObject({
      status: "cancelled",
      error_class: "CANCELLED",
      error_message: "not wanted any more",
      caused_by: null,
      ready_at: null,
    });
    await office.finish(await office.claimOne());
    await expect(office.states()).resolves.toEqual({ ready: "cancelled", later: "done", waiting: "cancelled" });
    await expect(problemsOf(office)).resolves.toEqual([]);
  });

  test("a job that waits for its retry", async () => {
    const office = await world().createOffice();
    await office.submit({ a: {} });
    await office.retryLater(await office.claimOne(), 60_000);
    await office.cancel("a");
    await expect(office.job("a")).resolves.toMatchObject({ status: "cancelled", run_at: null });
    await expect(problemsOf(office)).resolves.toEqual([]);
  });

  test("what depends on the job goes with it, each told by whom", async () => {
    const office = await world().createOffice();
    await office.submit({ a: {}, b: { depends_on: ["a"] }, c: { depends_on: ["b"] }, other: {} });
    const before = (await office.events()).length;
    const { cancelled } = await office.cancel("a");
    expect(office.keysOf(cancelled)).toEqual(["a", "b", "c"]);
    await expect(office.job("c")).resolves.toMatchObject({
      error_class: "DEPENDENCY_FAILED",
      error_message: "it depends on b, which ended cancelled",
      caused_by: office.idOf("b"),
    });
    const events = await office.events(before);
    expect(events.map(({ job_key: key, details }) => [key, details["error_class"], details["caused_by_key"]])).toEqual([
      ["a", "CANCELLED", undefined],
      ["b", "DEPENDENCY_FAILED", "a"],
      ["c", "DEPENDENCY_FAILED", "b"],
    ]);
    await expect(problemsOf(office)).resolves.toEqual([]);
  });

  test("again, or a job that has ended, changes nothing", async () => {
    const office = await world().createOffice();
    await office.submit({ a: {}, b: {} });
    const jobs = await office.claim();
    const a = jobs.get("a");
    if (a === undefined) throw new Error("a was to start");
    await office.finish(a);
    await office.cancel("b");
    const before = [await office.jobs(), await office.executions(), await office.events()];
    await expect(office.cancel("a", "b")).resolves.toEqual({ cancelled: [], stopping: [] });
    expect([await office.jobs(), await office.executions(), await office.events()]).toEqual(before);
  });

  test("a job of another office changes nothing", async () => {
    const [one, other] = [await world().createOffice(), await world().createOffice()];
    await other.submit({ a: {} });
    Object.assign(one, { idOf: () => other.idOf("a") });
    await expect(one.cancel("a")).resolves.toEqual({ cancelled: [], stopping: [] });
    await expect(other.states()).resolves.toEqual({ a: "ready" });
  });
});

describe("cancelling a running job", () => {
  async function withCancelledRun() {
    const office = await world().createOffice({ maxConcurrentJobs: 1 });
    await office.submit({ a: {}, next: { priority: 5 }, b: { depends_on: ["a"] } });
    const job = await office.claimOne();
    return { office, job, cancellation: await office.cancel("a") };
  }

  test("it is cancelled at once, and its session is to be stopped", async () => {
    const { office, job, cancellation } = await withCancelledRun();
    expect(cancellation.stopping).toEqual([job.execution_id]);
    expect(office.keysOf(cancellation.cancelled)).toEqual(["a", "b"]);
    await expect(office.states()).resolves.toMatchObject({ a: "cancelled", b: "cancelled" });
    const event = (await office.events()).find(({ type, job_key: key }) => type === "job_cancelled" && key === "a");
    expect(event).toMatchObject({ execution_id: job.execution_id, attempt: 1 });
  });

  test("its session holds the slot until it is gone", async () => {
    const { office, job } = await withCancelledRun();
    await expect(office.claim()).resolves.toEqual(new Map());
    await office.settle(job, completed(null));
    expect((await office.claimOne()).key).toBe("next");
  });

  test.each([completed({ text: "too late" }), failed(noLuck), retrying(noLuck, 0)])(
    "a session that ends $way after that changes nothing",
    async (exit) => {
      const { office, job } = await withCancelledRun();
      const before = [await office.jobs(), await office.events()];
      expect((await office.settle(job, exit)).settled).toEqual([job.execution_id]);
      expect([await office.jobs(), await office.events()]).toEqual(before);
      await expect(office.executions()).resolves.toMatchObject([{ status: "cancelled", stop_cause: "cancelled" }]);
      await expect(problemsOf(office)).resolves.toEqual([]);
    },
  );

  test("again asks for nothing more", async () => {
    const { office } = await withCancelledRun();
    await expect(office.cancel("a")).resolves.toEqual({ cancelled: [], stopping: [] });
  });
});

test("a job that another program is changing at that moment is cancelled, and brought back, all the same", async () => {
  const office = await world().createOffice();
  await office.submit({ a: {} });
  const held = async (action: () => Promise<unknown>) => {
    const { started } = await office.database.transaction(async (transaction) => {
      await transaction.query("", "UPDATE job_queue SET priority = priority WHERE id = $1", [office.idOf("a")]);
      const going = action();
      await waitingForLock(world());
      return { started: going };
    });
    await started;
  };
  await held(() => office.cancel("a"));
  await expect(office.states()).resolves.toEqual({ a: "cancelled" });
  await held(() => office.retry(["a"]));
  await expect(office.states()).resolves.toEqual({ a: "ready" });
  await expect(problemsOf(office)).resolves.toEqual([]);
});
