import fc from "fast-check";
import { type EventType, isFinal, JOB_STATES, type JobState } from "office-contract/vocabulary.ts";
import { describe, expect, test } from "vitest";
import {
  badlyEnded,
  exitCodeOf,
  foldEvents,
  isOver,
  jobsIn,
  leftCount,
  startModel,
  unmetDependencies,
} from "../../src/run/model.ts";
import { makeEvents, makeRun, noon } from "./factories.ts";

const setup = () => {
  const run = makeRun([
    { key: "schema" },
    { key: "api", dependsOn: ["schema"] },
    { key: "test", dependsOn: ["schema", "api"] },
  ]);
  const event = makeEvents(run);
  const after = (...events: ReturnType<typeof event>[]) => {
    const { model, changes } = foldEvents(startModel(run), events);
    const job = (key: string) => {
      const found = model.jobs.find((candidate) => candidate.key === key);
      if (found === undefined) throw new Error(`no job ${key}`);
      return found;
    };
    return { model, changes, job };
  };
  return { run, event, after };
};

test("before its first event, every job waits", () => {
  const { after } = setup();
  const { model, job } = after();
  expect(model.counts).toMatchObject({ pending: 3, done: 0 });
  expect(leftCount(model)).toBe(3);
  expect(unmetDependencies(model, job("test")).map(({ key }) => key)).toEqual(["schema", "api"]);
});

test("jobs that were done in an earlier run count as done", () => {
  const run = makeRun([
    { key: "schema", initialState: "done" },
    { key: "api", dependsOn: ["schema"] },
  ]);
  const model = startModel(run);
  expect(model.counts).toMatchObject({ pending: 1, done: 1 });
  expect(jobsIn(model, "pending").flatMap((job) => unmetDependencies(model, job))).toEqual([]);
});

test("a job starts, and is done", () => {
  const { event, after } = setup();
  const { model, job } = after(
    event(0, "job_ready", "schema"),
    event(1, "job_started", "schema", { attempt: 1, timeout_ms: 60_000 }),
    event(3, "job_completed", "schema", { attempt: 1, output: "/s/1" }),
  );
  expect(job("schema")).toMatchObject({
    state: "done",
    attempt: 1,
    startedAtMs: noon.getTime() + 1_000,
    sinceMs: noon.getTime() + 3_000,
    output: "/s/1",
    errorClass: null,
  });
  expect(unmetDependencies(model, job("test")).map(({ key }) => key)).toEqual(["api"]);
});

test("a job that is to be retried waits for its time, and forgets what was wrong when it starts again", () => {
  const { event, after } = setup();
  const runAt = new Date(noon.getTime() + 62_000).toISOString();
  const trouble = { error_class: "EXIT_CODE", message: "exit code 1", exit_code: 1 };
  const retrying = [
    event(0, "job_started", "schema", { attempt: 1 }),
    event(2, "job_retrying", "schema", { attempt: 1, ...trouble, retry_delay_ms: 60_000, run_at: runAt }),
  ];
  expect(after(...retrying).job("schema")).toMatchObject({
    state: "pending",
    attempt: 1,
    retryAtMs: noon.getTime() + 62_000,
    errorClass: "EXIT_CODE",
    message: "exit code 1",
    interrupted: false,
  });
  const again = after(
    ...retrying,
    event(62, "job_ready", "schema"),
    event(63, "job_started", "schema", { attempt: 2 }),
  );
  expect(again.job("schema")).toMatchObject({ attempt: 2, retryAtMs: null, errorClass: null, message: null });
});

test("a run whose job failed is over when what depends on it is cancelled, and says whose fault it was", () => {
  const { event, after } = setup();
  const fault = { error_class: "DEPENDENCY_FAILED", message: "it depends on schema, which ended failed" };
  const { model, job } = after(
    event(0, "job_started", "schema", { attempt: 1 }),
    event(2, "job_failed", "schema", { attempt: 1, error_class: "EXIT_CODE", message: "exit code 1", output: "/s/1" }),
    event(2, "job_cancelled", "api", { ...fault, caused_by_key: "schema" }),
    event(2, "job_cancelled", "test", { ...fault, caused_by_key: "schema" }),
  );
  expect(job("api")).toMatchObject({ state: "cancelled", errorClass: "DEPENDENCY_FAILED", causedByKey: "schema" });
  expect(badlyEnded(model).map(({ key }) => key)).toEqual(["schema", "api", "test"]);
  expect(isOver(model)).toBe(true);
  expect(exitCodeOf(model)).toBe(1);
});

test("an interrupted job is known until it runs again", () => {
  const { event, after } = setup();
  const interrupted = [
    event(0, "job_started", "schema", { attempt: 1 }),
    event(2, "job_retrying", "schema", { attempt: 1, reason: "interrupted", message: "its worker was shut down" }),
    event(2, "job_ready", "schema"),
  ];
  expect(after(...interrupted).job("schema")).toMatchObject({ state: "ready", interrupted: true });
  const again = after(...interrupted, event(3, "job_started", "schema", { attempt: 2 }));
  expect(again.job("schema")).toMatchObject({ state: "processing", interrupted: false });
});

test("a job that is handed over has another role", () => {
  const { event, after } = setup();
  expect(after({ ...event(0, "job_handed_over", "api"), role: "FE" }).job("api").role).toBe("FE");
});

test("events about jobs of other runs change nothing", () => {
  const { run, event, after } = setup();
  const { model, changes } = after(event(0, "job_ready", "stranger"));
  expect(changes).toEqual([]);
  expect(model).toEqual(startModel(run));
});

describe("any legal sequence of events", () => {
  const anywhere: readonly EventType[] = ["job_created", "job_priority_changed", "job_handed_over"];
  const leadsTo: Partial<Record<EventType, JobState>> = {
    job_ready: "ready",
    job_started: "processing",
    job_completed: "done",
    job_failed: "failed",
    job_timeout: "timeout",
    job_cancelled: "cancelled",
    job_retrying: "pending",
  };
  const legal: Record<JobState, readonly EventType[]> = {
    pending: ["job_ready", "job_cancelled", "job_failed"],
    ready: ["job_started", "job_cancelled"],
    processing: ["job_completed", "job_failed", "job_timeout", "job_cancelled", "job_retrying"],
    done: ["job_retrying"],
    failed: ["job_retrying"],
    timeout: ["job_retrying"],
    cancelled: ["job_retrying"],
  };
  const steps = fc.array(fc.record({ job: fc.nat(9), choice: fc.nat(99), batch: fc.boolean() }), { maxLength: 200 });

  test("gives counts that add up and the states that it led to", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10 }), steps, (size, sequence) => {
        const keys = Array.from({ length: size }, (_, index) => `job-${index}`);
        const run = makeRun(keys.map((key) => ({ key })));
        const event = makeEvents(run);
        const states = new Map<string, JobState>(keys.map((key) => [key, "pending"]));
        let model = startModel(run);
        let batch: ReturnType<typeof event>[] = [];
        const fold = () => {
          ({ model } = foldEvents(model, batch));
          batch = [];
        };
        for (const [second, step] of sequence.entries()) {
          const key = keys[step.job % size] ?? "";
          const state = states.get(key) ?? "pending";
          const possible = [...legal[state], ...anywhere];
          const type = possible[step.choice % possible.length] ?? "job_created";
          batch.push(event(second, type, key));
          states.set(key, leadsTo[type] ?? state);
          if (step.batch) fold();
        }
        fold();
        const actual = [...states.values()];
        for (const state of JOB_STATES) {
          expect(model.counts[state]).toBe(actual.filter((other) => other === state).length);
        }
        expect(model.jobs.map(({ state }) => state)).toEqual(actual);
        expect(leftCount(model)).toBe(actual.filter((state) => !isFinal(state)).length);
        expect(isOver(model)).toBe(actual.every(isFinal));
        expect(exitCodeOf(model)).toBe(actual.every((state) => state === "done") ? 0 : 1);
        expect(badlyEnded(model)).toHaveLength(actual.filter((state) => isFinal(state) && state !== "done").length);
      }),
    );
  });
});
