import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import { createTestDatabase } from "../test/support/database.ts";
import { sql } from "../test/support/scheduler.ts";
import { DatabaseProxy } from "../test/support/databaseProxy.ts";
import { eventually, getJson, outputOf, reaches, says, setup, whenHealthIs } from "./support/workers.ts";

const TICKS = { TICK_INTERVAL_MS: "50" };

describe("a worker tells how it is", () => {
  test("by its health, and by figures that Prometheus can read", async () => {
    const world = await setup();
    const worker = await world.startAndWait({ ...TICKS, WORKER_ID: "bench-7", MAX_SESSIONS: "3" });
    const office = await world.createOffice({ maxRetries: 1, retryBaseDelay: 1 });
    await world.submit(office, "good", "true");
    await world.submit(office, "bad", "exit 3");
    await Promise.all([reaches(office, "good", "done"), reaches(office, "bad", "failed")]);

    await expect(getJson(worker, "/health")).resolves.toEqual({
      status: 200,
      body: {
        status: "ok",
        version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
        worker_id: expect.stringMatching(/^bench-7\/[\w.-]+\/\d+\/\d+\/1$/),
        uptime_ms: expect.any(Number),
        last_tick_ms: expect.any(Number),
        database: { ok: true, latency_ms: expect.any(Number) },
        sessions: 0,
        passes: expect.any(Number),
        capacity: 3,
      },
    });
    await expect(getJson(worker, "/ready?verbose")).resolves.toMatchObject({ status: 200 });
    const figures = readMetrics(await (await fetch(`${await worker.url}/metrics`)).text());
    expect(Object.fromEntries(figures)).toMatchObject({
      office_executions_started_total: 3,
      'office_executions_ended_total{state="completed"}': 1,
      'office_executions_ended_total{state="failed"}': 2,
      office_retries_total: 1,
      office_timeouts_total: 0,
      office_session_start_duration_seconds_count: 3,
      office_claim_duration_seconds_count: expect.any(Number),
      office_sessions_running: 0,
      office_sessions_max: 3,
      nodejs_eventloop_lag_p99_seconds: expect.any(Number),
    });

    const elsewhere = await fetch(`${await worker.url}/api/offices`);
    expect([elsewhere.status, await elsewhere.text()]).toEqual([404, expect.stringContaining("/health")]);
    expect((await fetch(`${await worker.url}/health`, { method: "POST" })).status).toBe(405);
  });

  test("it can be seen as long as it is there", async () => {
    const world = await setup();
    const office = await world.createOffice();
    await sql(
      office,
      "INSERT INTO scheduler_workers (id, version, seen_at, lost_at) VALUES ('old', '0', now() - interval '2 h', now())",
    );
    const worker = await world.startAndWait({ WORKER_ID: "one" });
    const rows = () => sql<{ id: string }>(office, "SELECT id FROM scheduler_workers");
    await expect(rows()).resolves.toEqual([{ id: expect.stringMatching(/^one\//) }]);
    await expect(worker.kill("SIGTERM")).resolves.toBe(0);
    await expect(rows()).resolves.toEqual([]);
  });

  test.each([
    ["breaks", (proxy: DatabaseProxy) => proxy.cut()],
    ["does not answer any more", (proxy: DatabaseProxy) => proxy.fallSilent()],
  ])("its health fails while the database %s, and the work goes on afterwards", async (_name, fail) => {
    const own = await createTestDatabase();
    const proxy = await DatabaseProxy.start(own.url);
    const world = await setup({ database: false, environment: { DATABASE_URL: own.url } });
    const worker = await world.startAndWait({ ...TICKS, DATABASE_URL: proxy.url });
    const office = await world.createOffice();
    fail(proxy);
    await expect(whenHealthIs(worker, 503)).resolves.toMatchObject({
      status: "failing",
      reason: "the database does not answer",
      database: { ok: false, latency_ms: null },
    });
    await expect(getJson(worker, "/ready")).resolves.toMatchObject({ status: 503 });
    expect(readMetrics(await (await fetch(`${await worker.url}/metrics`)).text()).size).toBeGreaterThan(10);
    proxy.mend();
    await expect(whenHealthIs(worker, 200)).resolves.toMatchObject({ status: "ok" });
    await world.submit(office, "a", "true");
    await reaches(office, "a", "done");
    await expect(worker.kill("SIGTERM")).resolves.toBe(0);
  });
});

/** Each sample of a Prometheus text, by its name and labels. Throws where it is none. */
function readMetrics(text: string): Map<string, number> {
  const samples = text.split("\n").filter((line) => line !== "" && !/^# (HELP|TYPE) \w+ \S/.test(line));
  return new Map(
    samples.map((line) => {
      const [, name, value] = /^([a-z_]\w*(?:\{[a-z]\w*="[^"]*"(?:,[a-z]\w*="[^"]*")*\})?) (\S+)$/.exec(line) ?? [];
      if (name === undefined || Number.isNaN(Number(value))) throw new Error(`no sample: ${line}`);
      return [name, Number(value)];
    }),
  );
}

describe("a worker is stopped", () => {
  test("with its sessions: they get time to tidy up, and their jobs go back to the queue", async () => {
    const world = await setup();
    const worker = await world.startAndWait(TICKS);
    const office = await world.createOffice();
    await world.submit(office, "a", "trap 'echo tidied; exit' TERM; touch begun; sleep 600 & wait");
    await world.folder.fileAppears("begun");
    await expect(worker.kill("SIGQUIT")).resolves.toBe(0);
    await expect(office.job("a")).resolves.toMatchObject({ status: "ready", attempt: 1, retry_count: 0 });
    await expect(outputOf(office, "a")).resolves.toBe("tidied\n");
    expect(world.folder.processes()).toEqual([]);
  });

  test.each(["SIGINT", "SIGHUP"] as const)("by %s as well", async (signal) => {
    const world = await setup();
    const worker = await world.startAndWait();
    await expect(worker.kill(signal)).resolves.toBe(0);
  });

  test("a second signal kills the sessions at once", async () => {
    const world = await setup();
    const worker = await world.startAndWait(TICKS);
    const office = await world.createOffice();
    await world.submit(office, "deaf", "trap '' TERM; touch begun; while :; do sleep 600; done");
    await world.folder.fileAppears("begun");
    void worker.kill("SIGQUIT");
    await says(worker, "stopping");
    await expect(getJson(worker, "/ready")).resolves.toMatchObject({ status: 503, body: { status: "stopping" } });
    await expect(worker.kill("SIGTERM")).resolves.toBe(1);
    await expect(office.job("deaf")).resolves.toMatchObject({ status: "ready", retry_count: 0 });
    expect(world.folder.processes()).toEqual([]);
  });

  test("the embedded database goes with its last user", async () => {
    const world = await setup({ database: false });
    const [first, second] = await Promise.all([world.startAndWait(), world.startAndWait()]);
    await expect(first.kill("SIGTERM")).resolves.toBe(0);
    await expect(getJson(second, "/health")).resolves.toMatchObject({ status: 200 });
    await expect(second.kill("SIGTERM")).resolves.toBe(0);
    expect(world.folder.processes()).toEqual([]);
  });
});

describe("what sessions write", () => {
  test("can be read from the database while they run", async () => {
    const world = await setup();
    await world.startAndWait(TICKS);
    const office = await world.createOffice();
    await world.submit(office, "a", "echo begun; until test -e go; do sleep 0.02; done; printf ended");
    await eventually("the output", async () => ((await outputOf(office, "a")) === "begun\n" ? true : null));
    world.folder.write("go", "");
    await reaches(office, "a", "done");
    await expect(outputOf(office, "a")).resolves.toBe("begun\nended");
  });

  test("costs what is kept of it, and not what it is", async () => {
    const world = await setup();
    await world.startAndWait(TICKS);
    const office = await world.createOffice();
    await world.submit(office, "a", "head -c 200000000 /dev/zero | tr '\\0' x; echo the end");
    await reaches(office, "a", "done");
    const output = await outputOf(office, "a");
    expect(output.length).toBeLessThanOrEqual(2 * 1024 * 1024 + 64 * 1024);
    expect(output.slice(-8)).toBe("the end\n");
  });
});

describe("a worker that cannot start says why", () => {
  test("when its port is taken", async () => {
    const world = await setup();
    const other = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => {
      other.once("listening", resolve);
    });
    const { port } = other.address() as AddressInfo;
    const worker = world.start({ SCHEDULER_PORT: String(port) });
    await expect(worker.exit).resolves.toBe(1);
    other.close();
    expect(worker.log.join("\n")).toContain(`port ${port} is taken`);
    expect(worker.log.join("\n")).toContain("SCHEDULER_PORT");
  });

  test("when its environment makes no sense", async () => {
    const world = await setup();
    const worker = world.start({ MAX_SESSIONS: "many", WORKER_ID: "a/b" });
    await expect(worker.exit).resolves.toBe(2);
    expect(worker.log).toHaveLength(2);
    expect(worker.log.join("\n")).toMatch(/MAX_SESSIONS is "many".*\n.*WORKER_ID is "a\/b"/);
  });
});
