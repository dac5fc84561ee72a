import { Database, type Queryable } from "office-server/db/connection.ts";
import { newId } from "office-server/platform/ids.ts";
import { describe, expect, onTestFinished, test } from "vitest";
import { setup, sql, waitingForLock, type World } from "../../../../../test/support/scheduler.ts";
import { endsAtOnce, endsSoon } from "../../../../../test/support/scriptedRuntime.ts";
import { problemsOf } from "../../../../../test/support/soundness.ts";

/** A database whose passes take effect without an answer, as often as it is told to. */
class LossyDatabase extends Database {
  losses = 0;
  /** Whether the answer is lost before the pass has taken effect. */
  early = false;

  override async query<Row extends Record<string, unknown>>(
    name: string,
    text: string,
    values: unknown[] = [],
  ): Promise<Row[]> {
    const answer = super.query<Row>(name, text, values);
    return name === "run_pass" ? this.#lose(answer) : answer;
  }

  override async transaction<T>(action: (transaction: Queryable) => Promise<T>): Promise<T> {
    return this.#lose(super.transaction(action));
  }

  async #lose<T>(answer: Promise<T>): Promise<T> {
    if (this.losses === 0) return answer;
    this.losses -= 1;
    if (!this.early) await answer;
    throw new Error("the connection was lost");
  }
}

const terminate = (world: World, condition: string) =>
  sql(
    world,
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND ${condition}`,
  );

const jobsOf = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`job-${index}`, {}]));

describe("a connection that is lost", () => {
  test("while a worker hands over: what it leaves running is not taken for a claim that got lost", async () => {
    const world = await setup();
    const office = await world.createOffice({ maxConcurrentJobs: 2 });
    await office.submit({ left: {}, ends: {} });
    const database = new LossyDatabase({ connectionString: world.url, schema: world.schema });
    onTestFinished(() => database.close());
    const { runtime, loop } = await world.startWorker({ database });
    await runtime.started("left");
    const ends = await runtime.started("ends");
    database.losses = 1;
    ends.end({ kind: "finished" });
    await loop.stop("leave");
    await expect(office.states()).resolves.toEqual({ left: "processing", ends: "done" });
    await expect(problemsOf(office)).resolves.toEqual([]);
  });

  test("while a pass waits for the office: nothing is lost, nothing runs twice", async () => {
    const world = await setup();
    const office = await world.createOffice({ maxConcurrentJobs: 1 });
    await office.submit({ a: {}, b: { depends_on: ["a"] } });
    const { runtime } = await world.startWorker();
    const a = await runtime.started("a");
    const ended = world.whenEnded(office, 2);
    await office.database.transaction(async (transaction) => {
      await transaction.query("", "SELECT lock_offices(ARRAY[$1::uuid])", [office.id]);
      a.end({ kind: "finished" });
      await waitingForLock(world);
      await terminate(world, "wait_event_type = 'Lock'");
    });
    await runtime.finish("b");
    await ended;
    expect(runtime.starts).toEqual(["a#1", "b#1"]);
    await expect(problemsOf(office)).resolves.toEqual([]);
  });

  test("again and again, under load", async () => {
    const world = await setup();
    const office = await world.createOffice({ maxConcurrentJobs: 4 });
    await office.submit(jobsOf(150));
    const ended = world.whenEnded(office, 150);
    let starts = 0;
    const kill = (): void => {
      starts += 1;
      if (starts % 15 === 0) void terminate(world, "application_name = 'office' AND query LIKE 'SELECT run_pass%'");
    };
    const behaviour = endsSoon(() => 3);
    const onStart: typeof behaviour.onStart = (session) => {
      kill();
      behaviour.onStart?.(session);
    };
    const workers = await Promise.all([1, 2, 3].map(() => world.startWorker({ onStart })));
    await ended;
    await Promise.all(workers.map(({ loop }) => loop.stop("finish")));
    await expect(problemsOf(office, { office: 4 })).resolves.toEqual([]);
    const states = Object.values(await office.states());
    expect(states.filter((state) => state === "done")).toHaveLength(150);
  });
});

describe("a pass that took effect, though its answer was lost", () => {
  test("and that took effect only after it was given up: what it claims goes back to the queue and runs", async () => {
    const world = await setup();
    const office = await world.createOffice({ maxConcurrentJobs: 1 });
    const lossy = new LossyDatabase({ connectionString: world.url, schema: world.schema });
    const { runtime, loop } = await world.startWorker({ ...endsAtOnce, database: lossy });
    await office.submit({ a: {} });
    lossy.losses = 1;
    lossy.early = true;
    const ended = world.whenEnded(office, 1);
    await office.database.transaction(async (transaction) => {
      await transaction.query("", "SELECT lock_offices(ARRAY[$1::uuid])", [office.id]);
      loop.wake(office.id);
      // The one that was given up, and the one after it.
      await waitingForLock(world, 2);
    });
    await ended;
    await loop.stop();
    await lossy.close();
    expect(runtime.starts).toEqual(["a#2"]);
    await expect(problemsOf(office, { office: 1 })).resolves.toEqual([]);
  });

  test("what it claimed goes back to the queue and runs", async () => {
    const { createOffice, startWorker, whenEnded, url, schema } = await setup();
    const office = await createOffice({ maxConcurrentJobs: 2 });
    await office.submit({ a: {}, b: {} });
    const lossy = new LossyDatabase({ connectionString: url, schema });
    lossy.losses = 1;
    const ended = whenEnded(office, 2);
    const { runtime, loop } = await startWorker({ ...endsAtOnce, database: lossy });
    await ended;
    await loop.stop();
    await lossy.close();
    expect(runtime.starts.toSorted()).toEqual(["a#2", "b#2"]);
    await expect(office.job("a")).resolves.toMatchObject({ status: "done", retry_count: 0 });
    await expect(problemsOf(office, { office: 2 })).resolves.toEqual([]);
  });

  test("what it put on record stays, and the sessions that run meanwhile run on", async () => {
    const { createOffice, startWorker, whenEnded, url, schema } = await setup();
    const office = await createOffice({ maxConcurrentJobs: 2 });
    await office.submit({ a: {}, b: {}, c: { depends_on: ["a"] } });
    const lossy = new LossyDatabase({ connectionString: url, schema });
    const { runtime, loop, queue } = await startWorker({ database: lossy });
    const b = await runtime.started("b");
    lossy.losses = 2;
    await runtime.finish("a");
    await runtime.finish("c", 3);
    expect(b.stops).toEqual([]);
    const ended = whenEnded(office, 3);
    b.end({ kind: "finished" });
    await ended;
    await loop.stop();
    await lossy.close();
    expect([queue.size, runtime.starts]).toEqual([0, ["a#1", "b#1", "c#3"]]);
    await expect(problemsOf(office, { office: 2 })).resolves.toEqual([]);
  });
});

test("a connection that is lost within a transaction fails it, and nothing else", async () => {
  const { database, connect } = await setup();
  const lost = database.transaction(async (transaction) => {
    const [row] = await transaction.query<{ pid: number }>("", "SELECT pg_backend_pid() AS pid");
    await connect().query("", "SELECT pg_terminate_backend($1)", [row?.pid]);
    await transaction.query("", "SELECT 1");
  });
  await expect(lost).rejects.toThrow(/terminat|connection error/i);
  await expect(database.query("", "SELECT 1 AS one")).resolves.toEqual([{ one: 1 }]);
});

test("what an address says of its own is kept beside what the scheduler needs", async () => {
  const { url } = await setup();
  const address = new URL(url);
  address.searchParams.set("options", "-c statement_timeout=5s -c default_transaction_isolation=serializable");
  const database = new Database({ connectionString: address.href, schema: "elsewhere" });
  const text = `SELECT current_setting('statement_timeout') AS timeout, current_setting('search_path') AS path,
    current_setting('transaction_isolation') AS isolation`;
  await expect(database.query("", text)).resolves.toEqual([
    { timeout: "5s", path: '"elsewhere"', isolation: "read committed" },
  ]);
  await database.close();
});

describe("the connection that listens", () => {
  test("is replaced when it is lost, and what was announced meanwhile is caught up with", async () => {
    const world = await setup();
    const office = await world.createOffice();
    const { runtime } = await world.startWorker();
    await terminate(world, "application_name = 'office listen'");
    await sql(
      world,
      "INSERT INTO job_queue (office_id, key, title, metadata, session) VALUES ($1, 'a', 'A', '{}', $2)",
      [office.id, { run: "true", cwd: "/", env: {} }],
    );
    await expect(runtime.started("a")).resolves.toBeDefined();
  });

  test("hears nonsense, and goes on", async () => {
    const world = await setup();
    const office = await world.createOffice();
    const { runtime, warnings } = await world.startWorker();
    for (const payload of ["", "nonsense", "any", "' OR true", newId(), `${newId()} somebody`, "x".repeat(7_000)]) {
      await sql(world, "SELECT pg_notify('office_scheduler', $1)", [payload]);
    }
    await office.submit({ a: {} });
    await sql(world, "SELECT pg_notify('office_scheduler', $1)", [`${office.id} somebody`]);
    await runtime.started("a");
    expect(warnings).toEqual([]);
  });
});

test("what is wrong with one office holds up no other", async () => {
  const world = await setup();
  const [sound, broken] = [await world.createOffice(), await world.createOffice()];
  await broken.submit({ x: {}, y: { depends_on: ["x"] } });
  await sound.submit({ a: {}, b: { depends_on: ["a"] } });
  await sql(
    world,
    `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not this one'; END $$;
     CREATE TRIGGER refuse_start BEFORE UPDATE ON job_queue FOR EACH ROW
     WHEN (NEW.office_id = '${broken.id}' AND NEW.status = 'processing') EXECUTE FUNCTION refuse()`,
  );
  const { runtime, warnings } = await world.startWorker();
  await runtime.finish("a");
  await runtime.started("b");
  await expect(sound.states()).resolves.toEqual({ a: "done", b: "processing" });
  expect(warnings.join("\n")).toContain("not this one");
  await sql(world, "DROP TRIGGER refuse_start ON job_queue");
  const ended = world.whenEnded(broken, 2);
  await runtime.finish("x");
  await runtime.finish("y");
  await ended;
});
