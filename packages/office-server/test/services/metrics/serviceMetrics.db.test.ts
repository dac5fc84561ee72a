import { Database } from "office-server/db/connection.ts";
import { addServiceMetrics } from "office-server/services/metrics/serviceMetrics.ts";
import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { setup, sql } from "../../../../../test/support/scheduler.ts";

/** What a registry says, by name and labels. */
async function figuresOf(database: Database): Promise<Record<string, number>> {
  const registry = new Registry();
  addServiceMetrics(registry, database);
  const lines = (await registry.metrics()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ")))]),
  );
}

test("jobs by state over all offices, workers, and how far consumers are behind", async () => {
  const { database, createOffice } = await setup();
  const one = await createOffice({ maxConcurrentJobs: 2 });
  const other = await createOffice({ maxConcurrentJobs: 1 });
  await one.submit({ a: {}, b: {}, c: {}, d: { depends_on: ["c"] } });
  await other.submit({ a: {}, b: {} });
  const [a, b] = (await one.claim()).values();
  if (a !== undefined) await one.finish(a);
  if (b !== undefined) await one.fail(b);
  await other.claim();
  await other.cancel("a");
  await sql(one, "INSERT INTO scheduler_workers (id, version) VALUES ('x', '1'), ('y', '1')");
  await sql(one, "INSERT INTO scheduler_consumers (id) VALUES ('slack'), ('webhook 1'), ('webhook 2')");
  await sql(
    one,
    `INSERT INTO scheduler_cursors (consumer_id, office_id, seq)
     SELECT c.id, o.id, CASE c.id WHEN 'webhook 2' THEN 0 ELSE 1000 END FROM scheduler_consumers c, offices o`,
  );
  const figures = await figuresOf(database);
  expect(figures).toMatchObject({
    'office_jobs{state="pending"}': 1,
    'office_jobs{state="ready"}': 2,
    'office_jobs{state="processing"}': 0,
    'office_jobs{state="done"}': 1,
    'office_jobs{state="failed"}': 1,
    'office_jobs{state="timeout"}': 0,
    'office_jobs{state="cancelled"}': 1,
    office_workers: 2,
    'office_event_lag_seconds{consumer="slack"}': 0,
  });
  expect(figures['office_event_lag_seconds{consumer="webhook"}']).toBeGreaterThan(0);
});

test("without a database they are missing, and nothing fails", async () => {
  const database = new Database({ connectionString: "postgres://nobody@127.0.0.1:1/none", schema: "public" });
  const figures = await figuresOf(database);
  await database.close();
  expect(figures).toEqual({});
});
