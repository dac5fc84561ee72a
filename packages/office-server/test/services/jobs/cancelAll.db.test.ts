import type { RequestOf, ResponseOf } from "office-contract/api/client.ts";
import { describe, expect, test } from "vitest";
import { setupApi, setupFileApi } from "../../../../../test/support/api.ts";
import { sql } from "../../../../../test/support/scheduler.ts";
import { problemsOf } from "../../../../../test/support/soundness.ts";
import type { TestOffice } from "../../../../../test/support/testOffice.ts";

const api = setupFileApi();

type Filter = NonNullable<RequestOf<"cancelAll">["body"]>;
type Answer = ResponseOf<"cancelAll">;

const cancelAll = (office: TestOffice, body: Filter = {}): Promise<Answer> =>
  api().client.call("cancelAll", { params: { officeId: office.id }, body });

/** One task with a running job, what waits for it, and a ready one; and another task, of QA. */
async function createOfficeWithTwoTasks() {
  const office = await api().createOffice({ maxConcurrentJobs: 1 });
  const first = await office.submit({ done: {}, running: {}, waiting: { depends_on: ["running"] }, ready: {} });
  await office.finish(await office.claimOne());
  await office.claimOne();
  const second = await office.submit({
    "QA ready": { role: "QA" },
    "QA waiting": { role: "QA", depends_on: ["ready"] },
    after: { depends_on: ["QA waiting"] },
  });
  return { office, first, second };
}

describe("cancels", () => {
  test("everything that has not ended, running sessions included, and says how many and which", async () => {
    const { office } = await createOfficeWithTwoTasks();
    const answer = await cancelAll(office, { reason: "the office closes" });
    expect(answer).toMatchObject({ cancelled: 6, stopping: 1 });
    expect(office.keysOf(answer.job_ids)).toEqual(["QA ready", "QA waiting", "after", "ready", "running", "waiting"]);
    await expect(office.job("ready")).resolves.toMatchObject({ error_message: "the office closes" });
    await expect(office.job("done")).resolves.toMatchObject({ status: "done" });
    await expect(cancelAll(office)).resolves.toEqual({ cancelled: 0, stopping: 0, job_ids: [] });
    await expect(problemsOf(office)).resolves.toEqual([]);
  });

  const CASES: [string, (tasks: { first: string; second: string }) => Filter, string[]][] = [
    // What depends on them goes along, also from another task or of another role.
    ["a task", ({ first }) => ({ task_id: first }), ["QA waiting", "after", "ready", "running", "waiting"]],
    ["a role", () => ({ role: "QA" }), ["QA ready", "QA waiting", "after"]],
    ["ready ones", () => ({ status: ["ready"] }), ["QA ready", "QA waiting", "after", "ready"]],
    ["running ones", () => ({ status: ["processing"] }), ["running", "waiting"]],
    ["waiting ones", () => ({ status: ["pending"] }), ["QA waiting", "after", "waiting"]],
    ["waiting ones of a role", () => ({ role: "QA", status: ["pending", "done"] }), ["QA waiting", "after"]],
    ["ready ones of a task", ({ second }) => ({ task_id: second, status: ["ready"] }), ["QA ready"]],
    ["none of what has ended", () => ({ status: ["done", "failed"] }), []],
    ["none of a role that nobody has", () => ({ role: "PO" }), []],
    ["none of a task that is not there", () => ({ task_id: "0199c7a2-6f3e-7b11-9f5e-2d1c4b7a9e10" }), []],
  ];

  test.for(CASES)("%s", async ([, filter, expected]) => {
    const { office, ...tasks } = await createOfficeWithTwoTasks();
    const answer = await cancelAll(office, filter(tasks));
    expect(office.keysOf(answer.job_ids)).toEqual(expected);
    expect(answer.cancelled).toBe(expected.length);
    await expect(problemsOf(office)).resolves.toEqual([]);
  });

  test("jobs of other programs that are not taken in yet", async () => {
    const office = await api().createOffice();
    await sql(
      api(),
      "INSERT INTO job_queue (office_id, title, status, started_at) VALUES ($1, 'F', 'processing', now())",
      [office.id],
    );
    await expect(cancelAll(office)).resolves.toMatchObject({ cancelled: 1 });
  });

  test("nothing of another office", async () => {
    const [office, other] = [await api().createOffice(), await api().createOffice()];
    const taskId = await other.submit({ a: {} });
    await expect(cancelAll(office)).resolves.toMatchObject({ cancelled: 0 });
    await expect(cancelAll(office, { task_id: taskId })).resolves.toMatchObject({ cancelled: 0 });
    await expect(other.states()).resolves.toEqual({ a: "ready" });
  });
});

describe("beside claims and ends", () => {
  const chains = (count: number) =>
    Object.fromEntries(
      Array.from({ length: count }, (_, n) => [`job ${n}`, n % 3 === 0 ? {} : { depends_on: [`job ${n - 1}`] }]),
    );

  test("nothing that was open then runs on, and nothing starts any more", async () => {
    for (let round = 0; round < 12; round++) {
      const office = await api().createOffice({ maxConcurrentJobs: 5 });
      await office.submit(chains(45));
      const work = async (): Promise<void> => {
        for (let pass = 0; pass < 6; pass++) {
          const { claimed } = await office.pass();
          await Promise.all(claimed.map((job) => office.finish(job)));
        }
      };
      const [answer] = await Promise.all([cancelAll(office), work(), work(), work()]);
      const jobs = await office.jobs();
      expect(new Set(jobs.map(({ status }) => status)).difference(new Set(["done", "cancelled"]))).toEqual(new Set());
      const cancelled = jobs.filter(({ status }) => status === "cancelled").map(({ id }) => id);
      expect(answer.job_ids.toSorted()).toEqual(cancelled.toSorted());
      const types = (await office.events()).map(({ type }) => type);
      const at = types.indexOf("job_cancelled");
      if (at >= 0) expect(types.slice(at)).toEqual(cancelled.map(() => "job_cancelled"));
      await expect(problemsOf(office, { office: 5 })).resolves.toEqual([]);
    }
  });

  test("two at once share the jobs between them, and none is told twice", async () => {
    const office = await api().createOffice();
    await office.submit(chains(30));
    await office.pass();
    const answers = await Promise.all([cancelAll(office), cancelAll(office), cancelAll(office, { role: "BE" })]);
    const told = answers.flatMap(({ job_ids: ids }) => ids);
    expect(told.toSorted()).toEqual((await office.jobs()).map(({ id }) => id).toSorted());
    await expect(problemsOf(office)).resolves.toEqual([]);
  });

  test("workers elsewhere stop their sessions, and keep the slots until these are gone", async () => {
    const world = await setupApi();
    const office = await world.createOffice({ maxConcurrentJobs: 2 });
    await office.submit({ a: {}, b: {}, c: {} });
    const stopped: string[] = [];
    const { promise: bothAsked, resolve } = Promise.withResolvers<void>();
    const { runtime } = await world.startWorker({
      onStop: (session, cause) => {
        if (cause !== "cancelled") return session.end({ kind: "stopped", cause });
        stopped.push(`${session.request.jobKey} ${cause}`);
        if (stopped.length === 2) resolve();
      },
    });
    const sessions = await Promise.all([runtime.started("a"), runtime.started("b")]);
    const params = { officeId: office.id };
    const answer = await world.client.call("cancelAll", { params });
    expect(answer).toMatchObject({ cancelled: 3, stopping: 2 });
    await bothAsked;
    expect(stopped.toSorted()).toEqual(["a cancelled", "b cancelled"]);
    await office.submit({ d: {} });
    await expect(office.claim()).resolves.toEqual(new Map());
    for (const session of sessions) session.end({ kind: "stopped", cause: "cancelled" });
    await runtime.started("d");
  });
});
