import { migrate } from "office-server/db/migrate.ts";
import { describe, expect, test } from "vitest";
import { createOldDatabase, type OldShape } from "../../../../test/support/oldDatabase.ts";
import { setup, sql } from "../../../../test/support/scheduler.ts";
import { endsAtOnce } from "../../../../test/support/scriptedRuntime.ts";
import { problemsOf } from "../../../../test/support/soundness.ts";
import { TestOffice } from "../../../../test/support/testOffice.ts";

const STATES = "'pending', 'ready', 'processing', 'done', 'failed', 'cancelled'";

const SHAPES: readonly OldShape[] = [
  { name: "the usual one" },
  { name: "times without a zone", time: "timestamp" },
  { name: "nothing said about states", status: "" },
  {
    name: "states that must be there",
    status: `NOT NULL DEFAULT 'ready' CONSTRAINT one_of_six CHECK (status IN (${STATES}))`,
  },
  {
    name: "states checked one by one",
    status: "CHECK (status <> '') CHECK (status <> 'timeout') CHECK (length(status) < 15)",
  },
  {
    name: "some of the columns that are missing elsewhere",
    extras: `
      ALTER TABLE job_queue ADD role varchar(20), ADD task_id text, ADD retry_count smallint, ADD max_retries integer DEFAULT 3,
        ADD timeout_ms integer, ADD run_at timestamp, ADD cancelled_at timestamp, ADD result json, ADD attempt bigint,
        ADD error_message varchar(100) NOT NULL DEFAULT '';`,
    afterwards: "UPDATE job_queue SET role = '', run_at = '2024-02-03', result = '{}', timeout_ms = 60000",
  },
  {
    name: "foreign keys, from it and to it",
    extras: `
      ALTER TABLE job_queue ALTER COLUMN office_id SET NOT NULL,
        ADD FOREIGN KEY (office_id) REFERENCES offices (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED;
      CREATE TABLE pull_requests (job_id uuid REFERENCES job_queue (id), office_id uuid REFERENCES offices (id));`,
    afterwards: "INSERT INTO pull_requests SELECT id, office_id FROM job_queue",
  },
  {
    name: "indexes on it",
    extras: `
      CREATE INDEX by_state ON job_queue (status, priority);
      CREATE INDEX waiting ON job_queue (created_at) WHERE status = 'pending';
      CREATE INDEX upper_state ON job_queue (upper(status));
      CREATE INDEX by_dependency ON job_queue USING gin (depends_on);`,
  },
  {
    name: "views on it",
    extras: `
      CREATE VIEW waiting AS SELECT id, title, status, created_at FROM job_queue WHERE status = 'pending';
      CREATE VIEW waiting_titles AS SELECT title, o.name FROM waiting, offices o;
      CREATE MATERIALIZED VIEW states AS SELECT status, count(*) FROM job_queue GROUP BY status;`,
  },
  {
    name: "views on it, and times without a zone",
    time: "timestamp",
    extras: `
      CREATE VIEW waiting WITH (security_invoker = true) AS SELECT id, status, created_at FROM job_queue WHERE status = 'pending';
      CREATE VIEW since AS SELECT min(w.created_at) AS at, o.created_at FROM waiting w, offices o GROUP BY o.created_at;
      GRANT SELECT ON waiting TO PUBLIC; COMMENT ON VIEW waiting IS 'What waits';`,
  },
  {
    name: "triggers and row level security on it",
    extras: `
      CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
      CREATE TRIGGER touch BEFORE UPDATE ON job_queue FOR EACH ROW EXECUTE FUNCTION touch();
      CREATE TRIGGER touch_state AFTER UPDATE OF status ON job_queue FOR EACH ROW WHEN (NEW.status = 'done') EXECUTE FUNCTION touch();
      ALTER TABLE job_queue ENABLE ROW LEVEL SECURITY;
      CREATE POLICY waiting ON job_queue FOR SELECT USING (status = 'pending');`,
  },
];

/** Starts a worker that knows how the roles of the old jobs are run, and waits until it has run them. */
async function runAll(url: string, officeId: string, count: number) {
  const world = await setup({ url });
  const office = new TestOffice(world.database, officeId);
  const session = { run: "true", cwd: "/", env: {} };
  await sql(
    office,
    "UPDATE offices SET roles = $2, scheduler_config = jsonb_set(scheduler_config, '{maxRetries}', '0') WHERE id = $1",
    [officeId, { default: session, QA: session }],
  );
  const ended = world.whenEnded(office, count);
  const worker = await world.startWorker(endsAtOnce);
  await ended;
  return { ...world, office, worker };
}

describe.each(SHAPES)("a database in the older shape with $name", (shape) => {
  test("keeps every row, and its waiting jobs run to their end", async () => {
    const { url, client, officeId, jobs } = await createOldDatabase(shape);
    const kept =
      "id, office_id, agent_id, worktree_id, title, description, depends_on, pr_number, branch_name, priority, metadata";
    const asRead = `SELECT ${kept}, created_at::text, started_at::text FROM job_queue WHERE title <> 'x' ORDER BY id`;
    await client.query("SET TimeZone = 'UTC'");
    const before = await client.query<Record<string, string>>(asRead);
    await migrate(url, { schema: "public" });
    const after = await client.query<Record<string, string>>(asRead);
    const withZone = (time: unknown): unknown => (typeof time === "string" ? `${time.replace("+00", "")}+00` : time);
    expect(after.rows).toEqual(
      before.rows.map((row) => ({
        ...row,
        created_at: withZone(row["created_at"]),
        started_at: withZone(row["started_at"]),
      })),
    );
    expect(after.rows).toHaveLength(jobs.length);

    const { office, worker } = await runAll(url, officeId, 4);
    const states = Object.fromEntries((await office.jobs()).map((job) => [titleOf(jobs, job.id), job.status]));
    expect(states).toEqual({
      done: "done",
      processing: "done",
      ready: "done",
      pending: "done",
      last: "done",
      failed: "failed",
      "after a failure": "cancelled",
    });
    const order = worker.runtime.starts.map((start) => titleOf(jobs, start.split("#")[0] ?? ""));
    expect(new Set(order.slice(0, 2))).toEqual(new Set(["processing", "ready"]));
    expect(order.slice(2)).toEqual(["pending", "last"]);
    await expect(problemsOf(office)).resolves.toEqual([]);
  });
});

const titleOf = (jobs: readonly { id: string; title: string | null }[], id: string): string =>
  jobs.find((job) => job.id === id)?.title ?? id;

test("rows of which nothing is known but their id are taken in", async () => {
  const { url, client, officeId } = await createOldDatabase({ name: "nulls", status: "" });
  await client.query("INSERT INTO job_queue (office_id, created_at) VALUES ($1, NULL)", [officeId]);
  await client.query("UPDATE offices SET status = NULL, created_at = NULL, updated_at = NULL, name = NULL");
  await client.query("UPDATE job_queue SET priority = NULL, metadata = NULL, branch_name = NULL");
  await client.query("INSERT INTO job_queue DEFAULT VALUES");
  await migrate(url, { schema: "public" });
  const { office } = await runAll(url, officeId, 5);
  const states = (await office.jobs()).map(({ status }) => status).toSorted();
  expect(states).toEqual(["cancelled", "done", "done", "done", "done", "done", "done", "failed"].toSorted());
  await expect(client.query("SELECT status FROM job_queue WHERE office_id IS NULL")).resolves.toMatchObject({
    rows: [{ status: "pending" }],
  });
});

test("what was there besides the two tables is as it was", async () => {
  const { url, client } = await createOldDatabase(
    SHAPES.find(({ name }) => name.startsWith("views on it, and")) ?? { name: "" },
  );
  const facts = `SELECT relname, reloptions, relacl::text, obj_description(oid) AS comment, pg_get_viewdef(oid) AS text
    FROM pg_class WHERE relkind = 'v' AND relnamespace = 'public'::regnamespace ORDER BY relname`;
  const before = await client.query(facts);
  await migrate(url, { schema: "public" });
  await expect(client.query(facts)).resolves.toMatchObject({ rows: before.rows });
  await expect(client.query("SELECT * FROM since")).resolves.toMatchObject({ rowCount: 1 });
});

test("what another program has in the schema under a name of ours stays, and so do its defaults", async () => {
  const { url, client, officeId } = await createOldDatabase({
    name: "busy",
    time: "timestamp",
    extras: `
      CREATE TABLE tasks (id integer); CREATE FUNCTION cancel_jobs(integer) RETURNS integer LANGUAGE sql AS 'SELECT 1';
      ALTER TABLE job_queue ADD updated_at timestamp NOT NULL DEFAULT now(),
        ADD CHECK (completed_at IS NULL OR status IN ('done', 'failed', 'cancelled'));`,
  });
  await migrate(url, { schema: "public" });
  await client.query("UPDATE office_migrations SET checksum = 'older' WHERE name = 'transitions'");
  await expect(migrate(url, { schema: "public" })).resolves.toEqual({ applied: ["transitions"] });
  await expect(client.query("SELECT cancel_jobs(7) AS one")).resolves.toMatchObject({ rows: [{ one: 1 }] });
  await client.query("INSERT INTO job_queue (office_id, title) VALUES ($1, 'New')", [officeId]);
  const checks = "SELECT conname FROM pg_constraint WHERE conrelid = 'job_queue'::regclass AND contype = 'c'";
  await expect(client.query(checks)).resolves.toMatchObject({ rows: [] });
});

test("a finished job of old can be run again, and waits for what it depends on", async () => {
  const { url, officeId, jobs } = await createOldDatabase({ name: "the usual one" });
  await migrate(url, { schema: "public" });
  const { database } = await setup({ url });
  const office = new TestOffice(database, officeId);
  for (const { id, title } of jobs) office.adopt(title ?? "", id);
  await expect(office.retry(["failed"])).resolves.toEqual(["failed"]);
  await expect(office.job(office.idOf("failed"))).resolves.toMatchObject({ status: "pending", unmet_count: 1 });
});

test("a database that has tables of the same purpose from another tool is left to it", async () => {
  const { url, client } = await createOldDatabase({
    name: "another tool's records",
    extras:
      "CREATE TABLE schema_migrations (version varchar PRIMARY KEY); INSERT INTO schema_migrations VALUES ('20240101')",
  });
  await migrate(url, { schema: "public" });
  await expect(client.query("SELECT * FROM schema_migrations")).resolves.toMatchObject({
    rows: [{ version: "20240101" }],
  });
});
