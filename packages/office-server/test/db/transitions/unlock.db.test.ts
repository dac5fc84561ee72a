import { completed } from "office-server/domain/lifecycle.ts";
import { describe, expect, test } from "vitest";
import { setupFile } from "../../../../../test/support/scheduler.ts";
import { problemsOf } from "../../../../../test/support/soundness.ts";
import { settlementOf } from "../../../../../test/support/testOffice.ts";

const world = setupFile();

describe("a job becomes ready", () => {
  test("when the last of what it depends on is done: a diamond", async () => {
    const office = await world().createOffice();
    await office.submit({
      top: {},
      left: { depends_on: ["top"] },
      right: { depends_on: ["top"] },
      bottom: { depends_on: ["left", "right"] },
    });
    await office.finish(await office.claimOne());
    const { left, right } = Object.fromEntries(await office.claim());
    if (left === undefined || right === undefined) throw new Error("both sides were to start");
    expect((await office.finish(left)).activated).toBe(0);
    await expect(office.job("bottom")).resolves.toMatchObject({ status: "pending", unmet_count: 1 });
    expect((await office.finish(right)).activated).toBe(1);
    await expect(office.job("bottom")).resolves.toMatchObject({ status: "ready", unmet_count: 0 });
    await expect(problemsOf(office)).resolves.toEqual([]);
  });

  test("once, when several of its dependencies end in one pass", async () => {
    const office = await world().createOffice();
    await office.submit({ a: {}, b: {}, c: {}, last: { depends_on: ["a", "b", "c"] } });
    const jobs = [...(await office.claim()).values()];
    const settlements = jobs.map((job) => settlementOf(job, completed(null)));
    const { activated, claimed } = await office.pass({ settlements });
    expect([activated, claimed.map(({ key }) => key)]).toEqual([1, ["last"]]);
    expect((await office.story()).filter((line) => line === "job_ready last")).toHaveLength(1);
    await expect(problemsOf(office)).resolves.toEqual([]);
  });

  test("at submission, when all that it depends on was done before", async () => {
    const office = await world().createOffice();
    await office.submit({ a: {} });
    await office.finish(await office.claimOne());
    await office.submit({ b: { depends_on: ["a"] } });
    await expect(office.job("b")).resolves.toMatchObject({ status: "ready", unmet_count: 0 });
    await expect(problemsOf(office)).resolves.toEqual([]);
  });

  test("not at submission, when a dependency of an earlier task still runs", async () => {
    const office = await world().createOffice();
    await office.submit({ a: {} });
    const a = await office.claimOne();
    await office.submit({ b: { depends_on: ["a"] } });
    await expect(office.job("b")).resolves.toMatchObject({ status: "pending", unmet_count: 1 });
    await office.finish(a);
    await expect(office.states()).resolves.toEqual({ a: "done", b: "ready" });
  });

  test("never, when it is submitted after what it depends on has failed: it is cancelled at once", async () => {
    const office = await world().createOffice();
    await office.submit({ a: {} });
    await office.fail(await office.claimOne());
    await office.submit({ b: { depends_on: ["a"] }, c: { depends_on: ["b"] } });
    await expect(office.states()).resolves.toEqual({ a: "failed", b: "cancelled", c: "cancelled" });
    await expect(problemsOf(office)).resolves.toEqual([]);
  });
});

test("a chain runs from end to end, a job a pass", async () => {
  const office = await world().createOffice();
  const keys = Array.from({ length: 50 }, (_, index) => `job-${index}`);
  const chain = keys.map((key, index) => [key, index === 0 ? {} : { depends_on: [keys[index - 1] ?? ""] }] as const);
  await office.submit(Object.fromEntries(chain));
  const order: (string | null)[] = [];
  let [job] = (await office.pass()).claimed;
  while (job !== undefined) {
    order.push(job.key);
    [job] = (await office.pass({ settlements: [settlementOf(job, completed(null))] })).claimed;
  }
  expect(order).toEqual(keys);
  await expect(problemsOf(office, { office: 3 })).resolves.toEqual([]);
});

test("the events of a submission come in its order, those of one job in the order of its life", async () => {
  const office = await world().createOffice();
  const task = await office.submit({ b: { priority: 4 }, a: { depends_on: ["b"], role: "QA" } });
  const events = await office.events();
  expect(events).toEqual([
    expect.objectContaining({
      seq: 1,
      type: "job_created",
      job_key: "b",
      task_id: task,
      execution_id: null,
      attempt: null,
    }),
    expect.objectContaining({ seq: 2, type: "job_created", job_key: "a", role: "QA" }),
    expect.objectContaining({ seq: 3, type: "job_ready", job_key: "b", details: {} }),
  ]);
  expect(events[0]?.details).toEqual({ title: "Do b", priority: 4, depends_on: [] });
  expect(events[1]?.details).toEqual({ title: "Do a", priority: 0, depends_on: [office.idOf("b")] });
  await office.finish(await office.claimOne());
  await office.finish(await office.claimOne());
  await expect(office.story(3)).resolves.toEqual([
    "job_started b",
    "job_completed b",
    "job_ready a",
    "job_started a",
    "job_completed a",
  ]);
});

test("offices do not see each other: each has a log of its own that begins with 1", async () => {
  const [one, other] = [await world().createOffice(), await world().createOffice()];
  for (const office of [one, other]) await office.submit({ a: {}, b: { depends_on: ["a"] } });
  const both = { officeIds: [one.id, other.id] };
  const { claimed } = await one.pass(both);
  expect(claimed).toHaveLength(2);
  await one.pass({ ...both, settlements: claimed.map((job) => settlementOf(job, completed(null))) });
  for (const office of [one, other]) {
    await expect(office.states()).resolves.toEqual({ a: "done", b: "processing" });
    await expect(problemsOf(office)).resolves.toEqual([]);
  }
});
