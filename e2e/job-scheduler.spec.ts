import { ApiError } from "office-contract/api/client.ts";
import type { JobEvent } from "office-contract/events.ts";
import { afterAll, describe, expect, test } from "vitest";
import { type Expectations, problemsOf } from "./support/history.ts";
import { Receiver, type Service, type ServiceOffice, type ServiceProcess, setupFile } from "./support/service.ts";

let slack: Receiver;
const running = setupFile(async () => {
  slack = await Receiver.start();
  return { SLACK_WEBHOOK_URL: slack.url };
});
afterAll(() => slack.stop());

let worker: ServiceProcess | null = null;

/** The service, with a worker at least. */
async function withWorker(): Promise<Service> {
  const service = running();
  worker ??= await service.startWorker();
  return service;
}

/** Runs until a file of this name is there. */
const until = (file: string): string => `while [ ! -e "${file}" ]; do sleep 0.02; done`;

const at = ({ timestamp }: JobEvent): number => Date.parse(timestamp);

/** What is wrong with the history of an office, by its event log alone. */
const problems = (
  office: ServiceOffice,
  limit: number,
  dependencies: Record<string, string[]>,
  more = {},
): string[] => {
  const expectations: Expectations = {
    dependencies: new Map(Object.entries(dependencies)),
    limits: { office: limit },
    ...more,
  };
  return problemsOf(office.log.events, expectations);
};

async function refusalOf(request: Promise<unknown>) {
  try {
    await request;
  } catch (error) {
    if (error instanceof ApiError) return error.problem;
    throw error;
  }
  throw new Error("it was not refused");
}

describe("the whole life of jobs, through the API and workers of their own", () => {
  test("created, in the order of their dependencies, done", async () => {
    const service = await withWorker();
    const office = await service.createOffice();
    const submitted = await office.submit([
      { key: "schema", role: "BE", run: "echo tables > schema.txt" },
      { key: "api", role: "BE", depends_on: ["schema"], run: "cat schema.txt > api.txt" },
      { key: "ui", role: "FE", depends_on: ["schema"], run: "cat schema.txt > ui.txt" },
      { key: "test", role: "QA", depends_on: ["api", "ui"], run: "cat api.txt ui.txt" },
    ]);
    const keys = new Map(submitted.jobs.map(({ id, key }) => [id, key]));
    expect(submitted.execution_order.map((group) => group.map((id) => keys.get(id)))).toEqual([
      ["schema"],
      ["api", "ui"],
      ["test"],
    ]);
    await office.log.ends("test");
    await expect(office.states()).resolves.toEqual({ schema: "done", api: "done", ui: "done", test: "done" });
    const dependencies = { schema: [], api: ["schema"], ui: ["schema"], test: ["api", "ui"] };
    expect(problems(office, 3, dependencies)).toEqual([]);

    const job = await service.client.call("getJob", { params: office.job("test") });
    expect(job.executions).toMatchObject([{ attempt: 1, status: "completed", exit_code: 0 }]);
    expect(job.dependencies.map(({ key }) => String(key)).toSorted()).toEqual(["api", "ui"]);
    const logs = await service.client.open("getJobLogs", { params: office.job("test") });
    await expect(logs.text()).resolves.toBe("tables\ntables\n");
    await expect(service.client.call("getStats", { params: office.params })).resolves.toMatchObject({
      done: 4,
      pending: 0,
      ready: 0,
      processing: 0,
      total: 4,
    });
  });

  test("at most three at once, over several workers", async () => {
    const service = await withWorker();
    const other = await service.startWorker();
    const office = await service.createOffice();
    const names = Array.from({ length: 12 }, (_, index) => `job${index}`);
    await office.submit(names.map((key) => ({ key, run: "sleep 0.1" })));
    await office.log.ends(...names);
    expect(problems(office, 3, Object.fromEntries(names.map((key) => [key, []])))).toEqual([]);
    expect(office.log.mostAtOnce).toBe(3);
    await other.kill("SIGTERM");
  });

  test("a session that runs past its timeout is stopped, with all its processes", async () => {
    const service = await withWorker();
    const office = await service.createOffice({ maxRetries: 0 });
    await office.submit([
      { key: "slow", run: "sleep 300 & sleep 300", timeout: 400 },
      { key: "after", depends_on: ["slow"], run: "true" },
    ]);
    await expect(office.log.ends("slow", "after")).resolves.toEqual({ slow: "job_timeout", after: "job_cancelled" });
    const started = await office.log.event("job_started", "slow");
    const ended = await office.log.event("job_timeout", "slow");
    expect(at(ended) - at(started)).toBeGreaterThanOrEqual(400);
    expect(ended.details).toMatchObject({ error_class: "TIMEOUT" });
    expect(service.folder.processes().filter(({ command }) => command.startsWith("sleep"))).toEqual([]);
  });

  test("a timeout that is extended while the session runs", async () => {
    const service = await withWorker();
    const office = await service.createOffice({ maxRetries: 0 });
    await office.submit([{ key: "slow", run: until("never"), timeout: "1s" }]);
    const started = await office.log.event("job_started", "slow");
    await service.client.call("setTimeout", { params: office.job("slow"), body: { timeout_ms: 2_500 } });
    const ended = await office.log.event("job_timeout", "slow");
    expect(at(ended) - at(started)).toBeGreaterThanOrEqual(2_500);
  });

  test("retries with exponential backoff, then failure for good and its alert", async () => {
    const service = await withWorker();
    const office = await service.createOffice({ maxRetries: 2, retryBaseDelay: 200 });
    await office.submit([
      { key: "broken", role: "BE", title: "Build the login page", run: "echo what went wrong; exit 3" },
      { key: "after", depends_on: ["broken"], run: "true" },
    ]);
    await expect(office.log.ends("broken", "after")).resolves.toEqual({ broken: "job_failed", after: "job_cancelled" });
    expect(office.log.story("job_started", "job_retrying", "job_failed")).toEqual([
      "started broken",
      "retrying broken",
      "started broken",
      "retrying broken",
      "started broken",
      "failed broken",
    ]);
    for (const [attempt, delayMs] of [
      [1, 200],
      [2, 400],
    ] as const) {
      const retrying = await office.log.event("job_retrying", "broken", attempt);
      const started = await office.log.event("job_started", "broken", attempt + 1);
      expect(retrying.details).toMatchObject({ error_class: "EXIT_CODE", retry_delay_ms: delayMs });
      expect(at(started) - at(retrying)).toBeGreaterThanOrEqual(delayMs);
    }
    const alert = await slack.received((body) => body.includes("Build the login page"));
    for (const fact of ["EXIT_CODE", "BE", "what went wrong"]) expect(alert).toContain(fact);

    // Tried again by hand, with what its failure had cancelled.
    const { job_ids: back } = await service.client.call("retryJob", { params: office.job("broken") });
    expect(back).toHaveLength(2);
    await office.log.event("job_started", "broken", 4);
    expect(problems(office, 3, { broken: [], after: ["broken"] }, { unfinished: true })).toEqual([]);
  });

  test("a cycle is refused whole, and named in order", async () => {
    const office = await running().createOffice();
    const refusal = await refusalOf(
      office.submit([
        { key: "a", run: "true", depends_on: ["c"] },
        { key: "b", run: "true", depends_on: ["a"] },
        { key: "c", run: "true", depends_on: ["b"] },
        { key: "d", run: "true" },
      ]),
    );
    expect(refusal).toMatchObject({ status: 422, code: "invalid_graph", cycle: ["a", "c", "b", "a"] });
    await expect(office.states()).resolves.toEqual({});
    // The log holds nothing but what comes next.
    await office.submit([{ key: "d", run: "true" }]);
    await office.log.event("job_ready", "d");
    expect(office.log.events.slice(0, 2).map(({ seq, job_key: key }) => `${seq} ${key}`)).toEqual(["1 d", "2 d"]);
  });

  test("cancelling one that runs, then all", async () => {
    const service = await withWorker();
    const office = await service.createOffice({ maxConcurrentJobs: 2 });
    await office.submit([
      { key: "one", role: "BE", run: until("never") },
      { key: "after one", role: "BE", depends_on: ["one"], run: "true" },
      { key: "two", role: "FE", run: until("never") },
      { key: "three", role: "FE", run: "true" },
      { key: "four", role: "QA", depends_on: ["three"], run: "true" },
    ]);
    await Promise.all([office.log.event("job_started", "one"), office.log.event("job_started", "two")]);
    const first = await service.client.call("cancelJob", { params: office.job("one") });
    expect(first).toMatchObject({ cancelled: 2, stopping: 1 });
    // Its slot is free once its processes are gone.
    await office.log.ends("one", "after one", "three", "four");
    const rest = await service.client.call("cancelAll", { params: office.params, body: { role: "FE" } });
    expect(rest).toMatchObject({ cancelled: 1, stopping: 1, job_ids: [office.job("two").jobId] });
    await expect(service.client.call("cancelAll", { params: office.params })).resolves.toMatchObject({ cancelled: 0 });
    await expect(office.log.ends("one", "two", "three", "four")).resolves.toEqual({
      one: "job_cancelled",
      two: "job_cancelled",
      three: "job_completed",
      four: "job_completed",
    });
    await service.folder.allGone((command) => command.includes("never"));
  });

  test("priorities, also when they change while jobs wait", async () => {
    const service = await withWorker();
    const office = await service.createOffice({ maxConcurrentJobs: 1 });
    await office.submit([{ key: "first", run: until("first may end") }]);
    await office.log.event("job_started", "first");
    await office.submit([
      { key: "usual", run: "true" },
      { key: "late", run: "true", priority: 5 },
      { key: "urgent", run: "true", priority: -5 },
      { key: "promoted", run: "true", priority: 9 },
    ]);
    await service.client.call("setPriority", { params: office.job("promoted"), body: { priority: -9 } });
    service.folder.write("first may end", "");
    await office.log.ends("usual", "late", "urgent", "promoted");
    expect(office.log.story("job_started")).toEqual(
      ["first", "promoted", "urgent", "usual", "late"].map((key) => `started ${key}`),
    );
    const refusal = await refusalOf(
      service.client.call("setPriority", { params: office.job("late"), body: { priority: 1 } }),
    );
    expect(refusal).toMatchObject({ status: 409, code: "job_is_final" });
  });

  test("a worker that is killed, and its successor", async () => {
    const service = await withWorker();
    const office = await service.createOffice({ maxConcurrentJobs: 1 });
    await office.submit([
      { key: "long", run: `echo started >> attempts; ${until("go on")}` },
      { key: "next", depends_on: ["long"], run: "true" },
    ]);
    await service.folder.fileAppears("attempts");
    await worker?.kill("SIGKILL");
    service.folder.write("go on", "");
    worker = await service.startWorker();
    await office.log.ends("long", "next");
    await expect(office.states()).resolves.toEqual({ long: "done", next: "done" });
    expect(problems(office, 1, { long: [], next: ["long"] })).toEqual([]);
    await expect(service.client.call("getJob", { params: office.job("long") })).resolves.toMatchObject({
      retry_count: 0,
    });
  });

  test("an office that is paused starts nothing, and lets go on what runs", async () => {
    const service = await withWorker();
    const office = await service.createOffice({ maxConcurrentJobs: 1 });
    await office.submit([
      { key: "running", run: until("paused") },
      { key: "waiting", run: "true" },
    ]);
    await office.log.event("job_started", "running");
    await service.client.call("patchOffice", { params: office.params, body: { status: "paused" } });
    service.folder.write("paused", "");
    await office.log.ends("running");
    await expect(service.client.call("processOffice", { params: office.params })).resolves.toMatchObject({
      started: 0,
    });
    await expect(office.states()).resolves.toEqual({ running: "done", waiting: "ready" });
    await service.client.call("patchOffice", { params: office.params, body: { status: "active" } });
    await expect(office.log.ends("waiting")).resolves.toEqual({ waiting: "job_completed" });
  });

  test("jobs that another program inserts run like all others", async () => {
    const service = await withWorker();
    const office = await service.createOffice();
    await insertBehindItsBack(service, office);
    await office.log.when(() => (office.log.story("job_completed").length === 2 ? true : undefined));
    const ids = office.log.events.filter(({ type }) => type === "job_completed").map(({ job_id: id }) => id);
    const jobs = await Promise.all(
      ids.map((jobId) => service.client.call("getJob", { params: { ...office.params, jobId } })),
    );
    expect(jobs.map(({ title }) => title)).toEqual(["First", "Second"]);
  });
});

async function insertBehindItsBack(service: Service, office: ServiceOffice): Promise<void> {
  const { default: pg } = await import("pg");
  const client = new pg.Client({ connectionString: service.folder.environment["DATABASE_URL"] });
  await client.connect();
  const session = JSON.stringify({ command: ["true"], cwd: service.folder.path, env: {} });
  await client.query(
    `WITH first AS (INSERT INTO job_queue (office_id, title, session) VALUES ($1, 'First', $2) RETURNING id)
     INSERT INTO job_queue (office_id, title, session, depends_on) SELECT $1, 'Second', $2, ARRAY[id] FROM first`,
    [office.id, session],
  );
  await client.end();
}
