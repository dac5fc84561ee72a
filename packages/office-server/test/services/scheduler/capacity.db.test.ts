import { expect, test } from "vitest";
import { setup } from "../../../../../test/support/scheduler.ts";
import { endsAtOnce, endsSoon, type ScriptedSession } from "../../../../../test/support/scriptedRuntime.ts";
import { problemsOf } from "../../../../../test/support/soundness.ts";

const keys = (count: number): string[] => Array.from({ length: count }, (_, index) => `job-${index}`);
const jobsOf = (count: number) => Object.fromEntries(keys(count).map((key) => [key, {}]));

test("a worker with room for one session runs one job after the other", async () => {
  const { createOffice, startWorker, whenEnded } = await setup();
  const office = await createOffice();
  await office.submit(jobsOf(3));
  const ended = whenEnded(office, 3);
  const { runtime } = await startWorker({ sessionsMax: 1 });
  for (const key of keys(3)) {
    await runtime.started(key);
    expect(runtime.runningKeys).toEqual([key]);
    await runtime.finish(key);
  }
  await ended;
  await expect(problemsOf(office, { office: 1 })).resolves.toEqual([]);
});

test("offices that found no room get their turn as soon as there is some", async () => {
  const { createOffice, startWorker, whenEnded } = await setup();
  const offices = await Promise.all(keys(8).map(() => createOffice()));
  for (const office of offices) await office.submit(jobsOf(3));
  const live = new Set<ScriptedSession>();
  let most = 0;
  const onStart = (session: ScriptedSession): void => {
    live.add(session);
    most = Math.max(most, live.size);
    setImmediate(() => {
      live.delete(session);
      session.end({ kind: "finished" });
    });
  };
  const ended = Promise.all(offices.map((office) => whenEnded(office, 3)));
  const { runtime } = await startWorker({ sessionsMax: 2, onStart });
  await ended;
  expect([most, runtime.starts.length]).toEqual([2, 24]);
});

test("sessions that end at once give their room back", async () => {
  const { createOffice, startWorker, whenEnded } = await setup();
  const office = await createOffice();
  await office.submit(jobsOf(30));
  const ended = whenEnded(office, 30);
  const { runtime } = await startWorker({ sessionsMax: 1, ...endsAtOnce });
  await ended;
  expect(runtime.starts.length).toBe(30);
});

test("what a full worker leaves, another one takes", async () => {
  const { createOffice, startWorker } = await setup();
  const office = await createOffice();
  await office.submit(jobsOf(3));
  const one = await startWorker({ sessionsMax: 1 });
  await one.runtime.started("job-0");
  const other = await startWorker();
  await other.runtime.started("job-2");
  expect([one.runtime.runningKeys, other.runtime.runningKeys]).toEqual([["job-0"], ["job-1", "job-2"]]);
});

test("a job that nothing says how to run takes no room, and fails with a reason", async () => {
  const { createOffice, startWorker, whenEvent } = await setup();
  const office = await createOffice();
  await office.submit({ broken: { session: null, role: "Painter" }, fine: { priority: 1 } });
  const { runtime } = await startWorker({ sessionsMax: 1 });
  await runtime.finish("fine");
  await whenEvent(office, ({ type }) => type === "job_completed");
  await expect(office.job("broken")).resolves.toMatchObject({
    status: "failed",
    error_class: "INVALID_JOB",
    error_message: expect.stringContaining("role Painter"),
    retry_count: 0,
  });
});

test("an office with much to do does not keep a full worker from the others", async () => {
  const { createOffice, startWorker, whenEnded } = await setup();
  const offices = await Promise.all(keys(3).map(() => createOffice()));
  const [busy, ...others] = offices.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  await busy?.submit(Object.fromEntries(keys(30).map((key) => [`busy-${key}`, {}])));
  for (const other of others) await other.submit(jobsOf(2));
  const ended = Promise.all(others.map((other) => whenEnded(other, 2)));
  const { runtime } = await startWorker({ sessionsMax: 1, ...endsSoon(() => 1) });
  await ended;
  // They take turns: each of the two jobs of an office waits for one job of each other office.
  expect(runtime.starts.slice(0, 9).filter((start) => !start.startsWith("busy"))).toHaveLength(4);
});
