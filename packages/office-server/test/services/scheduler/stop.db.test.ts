import { Database } from "office-server/db/connection.ts";
import { describe, expect, test } from "vitest";
import { setup } from "../../../../../test/support/scheduler.ts";
import { exitCode } from "../../../../../test/support/scriptedRuntime.ts";
import { problemsOf } from "../../../../../test/support/soundness.ts";

/** A database that holds back the answers to passes until it is told to go on. */
class SlowDatabase extends Database {
  #gate: Promise<void> | null = null;
  #open = (): void => {};
  #reached = (): void => {};

  /** From now on, answers are held back. Resolves when one is. */
  hold(): Promise<void> {
    this.#gate = new Promise((resolve) => {
      this.#open = resolve;
    });
    return new Promise((resolve) => {
      this.#reached = resolve;
    });
  }

  release(): void {
    this.#gate = null;
    this.#open();
  }

  override async query<Row extends Record<string, unknown>>(
    name: string,
    text: string,
    values: unknown[] = [],
  ): Promise<Row[]> {
    const rows = await super.query<Row>(name, text, values);
    if (name === "run_pass" && this.#gate !== null) {
      this.#reached();
      await this.#gate;
    }
    return rows;
  }
}

describe('stop("interrupt")', () => {
  test("stops the sessions, and their jobs go back to the queue at no cost", async () => {
    const { createOffice, startWorker } = await setup();
    const office = await createOffice({ maxConcurrentJobs: 2 });
    await office.submit({ a: {}, b: {}, c: {}, d: { depends_on: ["a"] } });
    const { loop, runtime, queue } = await startWorker();
    const a = await runtime.started("a");
    await loop.stop("interrupt");
    expect([a.stops, runtime.running, queue.size]).toEqual([["interrupted"], 0, 0]);
    expect(runtime.starts).toEqual(["a#1", "b#1"]);
    await expect(office.states()).resolves.toEqual({ a: "ready", b: "ready", c: "ready", d: "pending" });
    await expect(office.job("a")).resolves.toMatchObject({ retry_count: 0, attempt: 1 });
    await expect(problemsOf(office)).resolves.toEqual([]);
  });

  test("waits for sessions that take their time to stop", async () => {
    const { createOffice, startWorker } = await setup();
    const office = await createOffice();
    await office.submit({ a: {} });
    const asked = Promise.withResolvers<void>();
    const { loop, runtime } = await startWorker({ onStop: () => asked.resolve() });
    const session = await runtime.started("a");
    let stopped = false;
    const stop = loop.stop().then(() => {
      stopped = true;
    });
    await asked.promise;
    await office.states();
    expect(stopped).toBe(false);
    session.end({ kind: "stopped", cause: "interrupted" });
    await stop;
    await expect(office.states()).resolves.toEqual({ a: "ready" });
  });

  test("a session that ends by itself meanwhile is on record as what it was", async () => {
    const { createOffice, startWorker } = await setup();
    const office = await createOffice();
    await office.submit({ a: {}, b: {} });
    const { loop, runtime } = await startWorker({
      onStop: ({ request, end }) => end(request.jobKey === "a" ? { kind: "finished" } : exitCode(1)),
    });
    await runtime.started("b");
    await loop.stop();
    await expect(office.states()).resolves.toEqual({ a: "done", b: "pending" });
  });

  test("what a pass in flight has claimed never starts, and goes back to the queue", async () => {
    const { createOffice, startWorker, url, schema } = await setup();
    const office = await createOffice();
    const slow = new SlowDatabase({ connectionString: url, schema });
    const { loop, runtime } = await startWorker({ database: slow });
    await office.submit({ a: {} });
    const held = slow.hold();
    loop.wake(office.id);
    await held;
    await expect(office.states()).resolves.toEqual({ a: "processing" });
    const stop = loop.stop("interrupt");
    slow.release();
    await stop;
    await slow.close();
    expect(runtime.starts).toEqual([]);
    await expect(office.job("a")).resolves.toMatchObject({ status: "ready", retry_count: 0 });
    await expect(problemsOf(office)).resolves.toEqual([]);
  });
});

describe('stop("finish")', () => {
  test("starts nothing more, lets sessions end, and puts their ends on record", async () => {
    const { createOffice, startWorker } = await setup();
    const office = await createOffice({ maxConcurrentJobs: 1 });
    await office.submit({ a: {}, b: { depends_on: ["a"] }, c: {} });
    const { loop, runtime } = await startWorker();
    const a = await runtime.started("a");
    const stop = loop.stop("finish");
    a.end({ kind: "finished" });
    await stop;
    expect([a.stops, runtime.starts]).toEqual([[], ["a#1"]]);
    await expect(office.states()).resolves.toEqual({ a: "done", b: "ready", c: "ready" });
  });

  test("can be made to hurry", async () => {
    const { createOffice, startWorker } = await setup();
    const office = await createOffice();
    await office.submit({ a: {} });
    const { loop, runtime } = await startWorker();
    await runtime.started("a");
    const patient = loop.stop("finish");
    await loop.stop("interrupt");
    await patient;
    await expect(office.states()).resolves.toEqual({ a: "ready" });
  });
});

describe("stopping", () => {
  test("twice is as good as once", async () => {
    const { createOffice, startWorker } = await setup();
    const office = await createOffice();
    await office.submit({ a: {} });
    const { loop, runtime } = await startWorker();
    await runtime.started("a");
    await Promise.all([loop.stop(), loop.stop()]);
    await loop.stop();
    await expect(office.states()).resolves.toEqual({ a: "ready" });
  });

  test("before the start is allowed; then it cannot be started any more, nor twice", async () => {
    const { startWorker, createWorker } = await setup();
    const { loop } = createWorker();
    await loop.stop();
    await expect(loop.start()).rejects.toThrow("the loop is stopped");
    await expect((await startWorker()).loop.start()).rejects.toThrow("the loop is running");
  });

  test("leaves nothing behind that would act later", async () => {
    const { createOffice, startWorker } = await setup();
    const office = await createOffice({ retryBaseDelay: 20 });
    await office.submit({ a: {}, b: {} });
    const { loop, runtime } = await startWorker({ tickIntervalMs: 20, onStop: (session) => session.end(exitCode(1)) });
    await runtime.fail("b");
    await runtime.started("a");
    await loop.stop();
    const before = await office.events();
    loop.wake(office.id);
    await loop.tick();
    const { loop: other, runtime: next } = await startWorker();
    await next.started("a", 2);
    await next.started("b", 2);
    await other.stop();
    expect(runtime.starts.toSorted()).toEqual(["a#1", "b#1"]);
    expect((await office.events()).length).toBeGreaterThan(before.length);
  });

  test("hands over to the next worker, which runs everything to its end", async () => {
    const { createOffice, startWorker, whenEnded } = await setup();
    const office = await createOffice();
    await office.submit({ a: {}, b: {}, c: { depends_on: ["a", "b"] } });
    const first = await startWorker();
    await first.runtime.started("b");
    await first.loop.stop();
    const ended = whenEnded(office, 3);
    const { runtime } = await startWorker();
    await runtime.finish("a", 2);
    await runtime.finish("b", 2);
    await runtime.finish("c");
    await ended;
    await expect(problemsOf(office)).resolves.toEqual([]);
  });
});
