import { migrate, MigrationError } from "office-server/db/migrate.ts";
import pg from "pg";
import { describe, expect, onTestFinished, test } from "vitest";
import { createEmptyDatabase } from "../../../../test/support/database.ts";
import { setup, sql } from "../../../../test/support/scheduler.ts";
import { endsAtOnce } from "../../../../test/support/scriptedRuntime.ts";
import { problemsOf } from "../../../../test/support/soundness.ts";

const STEPS = [
  "0001_tables.sql",
  "0002_guards.sql",
  "0003_service.sql",
  "0004_leases.sql",
  "0005_checkpoints.sql",
  "0006_one_step.sql",
  "transitions",
];

async function emptyDatabase() {
  const { url, drop } = await createEmptyDatabase();
  const client = new pg.Client({ connectionString: url });
  onTestFinished(async () => {
    await client.end();
    await drop();
  });
  await client.connect();
  const query = async (text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> =>
    (await client.query<Record<string, unknown>>(text, values)).rows;
  /** All that a schema holds, as the catalogs list it. */
  const inventory = (schema: string): Promise<Record<string, unknown>[]> =>
    query(
      `SELECT 'column' AS kind, format('%s.%s %s %s', table_name, column_name, data_type, column_default) AS name
       FROM information_schema.columns WHERE table_schema = $1
       UNION ALL SELECT 'function', p.proname FROM pg_proc p WHERE p.pronamespace = $1::regnamespace
       UNION ALL SELECT 'trigger', t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
         WHERE c.relnamespace = $1::regnamespace AND NOT t.tgisinternal
       ORDER BY 1, 2`,
      [schema],
    );
  return { url, query, inventory };
}

describe("an empty database", () => {
  test("gets everything; a second run changes nothing", async () => {
    const { url, query, inventory } = await emptyDatabase();
    await expect(migrate(url, { schema: "public" })).resolves.toEqual({ applied: STEPS });
    const before = [await inventory("public"), await query("SELECT * FROM office_migrations ORDER BY name")];
    await expect(migrate(url, { schema: "public" })).resolves.toEqual({ applied: [] });
    expect([await inventory("public"), await query("SELECT * FROM office_migrations ORDER BY name")]).toEqual(before);
  });

  test("that several processes migrate at once is migrated once", async () => {
    const { url, query } = await emptyDatabase();
    const reports = await Promise.all(Array.from({ length: 5 }, () => migrate(url, { schema: "public" })));
    expect(reports.flatMap(({ applied }) => applied)).toEqual(STEPS);
    await expect(query("SELECT name FROM office_migrations ORDER BY name")).resolves.toHaveLength(STEPS.length);
  });

  test("once that is done, is looked at without waiting for whoever holds the lock", async () => {
    const { url, query } = await emptyDatabase();
    await migrate(url, { schema: "public" });
    await query("BEGIN");
    await query("SELECT pg_advisory_xact_lock(7236041889)");
    await expect(migrate(url, { schema: "public" })).resolves.toEqual({ applied: [] });
  });

  test("is left empty when something fails half-way", async () => {
    const { url, query } = await emptyDatabase();
    await query("CREATE TABLE job_events (id integer)");
    await expect(migrate(url, { schema: "public" })).rejects.toThrow('relation "job_events" already exists');
    await expect(query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).resolves.toEqual([
      { tablename: "job_events" },
    ]);
  });

  test("may hold other things", async () => {
    const { url, query } = await emptyDatabase();
    await query("CREATE TABLE schema_migrations (version text); CREATE TABLE agents (id uuid PRIMARY KEY)");
    await migrate(url, { schema: "public" });
    await expect(query("SELECT * FROM schema_migrations")).resolves.toEqual([]);
  });

  test("needs no right to create schemas where there is one already", async () => {
    const { url, query } = await emptyDatabase();
    const role = `migrator_${process.pid}`;
    await query(`CREATE ROLE ${role} LOGIN PASSWORD 'secret'; GRANT ALL ON SCHEMA public TO ${role}`);
    const own = new URL(url);
    own.username = role;
    own.password = "secret";
    await expect(migrate(own.href, { schema: "public" })).resolves.toEqual({ applied: STEPS });
    await query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  });
});

describe("another schema", () => {
  test("gets the same, and public gets nothing", async () => {
    const { url, inventory } = await emptyDatabase();
    await migrate(url, { schema: "office_2" });
    await expect(inventory("public")).resolves.toEqual([]);
    const other = await emptyDatabase();
    await migrate(other.url, { schema: "public" });
    expect(await inventory("office_2")).toEqual(await other.inventory("public"));
  });

  test("works beside the usual one: each scheduler keeps to its own", async () => {
    const { url } = await emptyDatabase();
    const schemas = ["public", "office_2"];
    for (const schema of schemas) await migrate(url, { schema });
    for (const schema of schemas) {
      const world = await setup({ url, schema });
      const office = await world.createOffice();
      const session = { run: "true", cwd: "/", env: {} };
      await sql(office, "UPDATE offices SET roles = $1", [{ default: session }]);
      const ended = world.whenEnded(office, 3);
      const { runtime, loop } = await world.startWorker(endsAtOnce);
      await office.submit({ a: {}, b: { depends_on: ["a"] } });
      loop.wake(office.id);
      await sql(world, `INSERT INTO ${schema}.job_queue (office_id, title) VALUES ($1, 'Foreign')`, [office.id]);
      await ended;
      await expect(problemsOf(office)).resolves.toEqual([]);
      expect(runtime.starts).toHaveLength(3);
      await loop.stop();
      await office.retry(["a"]);
      await office.cancel("a");
    }
  });

  test.each(["Office", "1st", "pub lic", 'a"b', "", "x".repeat(64), "schéma"])(
    "may not be called %j",
    async (schema) => {
      const { url } = await emptyDatabase();
      await expect(migrate(url, { schema })).rejects.toThrow(MigrationError);
    },
  );
});

describe("a database with a history that does not fit", () => {
  test("is refused when an applied migration was changed since", async () => {
    const { url, query, inventory } = await emptyDatabase();
    await migrate(url, { schema: "public" });
    await query("UPDATE office_migrations SET checksum = 'other' WHERE name = '0001_tables.sql'");
    const before = await inventory("public");
    await expect(migrate(url, { schema: "public" })).rejects.toThrow(
      new MigrationError("Migration 0001_tables.sql was changed after it had been applied; add a new one instead"),
    );
    await expect(inventory("public")).resolves.toEqual(before);
  });

  test("is refused when it is newer", async () => {
    const { url, query } = await emptyDatabase();
    await migrate(url, { schema: "public" });
    await query("INSERT INTO office_migrations (name, checksum) VALUES ('9999_future.sql', 'x')");
    await expect(migrate(url, { schema: "public" })).rejects.toThrow(
      new MigrationError("The database has migration 9999_future.sql, which this version does not know: it is newer"),
    );
  });

  test("gets the transition functions of this version in place of another's", async () => {
    const { url, query } = await emptyDatabase();
    await migrate(url, { schema: "public" });
    const body = "SELECT prosrc FROM pg_proc WHERE proname = 'lock_offices'";
    const before = await query(body);
    const mark = "SELECT obj_description(oid, 'pg_proc') AS mark FROM pg_proc WHERE proname = 'lock_offices'";
    const [ours] = (await query(mark)) as { mark: string }[];
    await query("CREATE FUNCTION lock_offices(p_office uuid) RETURNS void LANGUAGE sql AS 'SELECT'");
    await query("DROP FUNCTION lock_offices(uuid[])");
    await query("CREATE FUNCTION lock_offices(p_offices uuid[]) RETURNS integer LANGUAGE sql AS 'SELECT 1'");
    for (const type of ["uuid", "uuid[]"]) await query(`COMMENT ON FUNCTION lock_offices(${type}) IS '${ours?.mark}'`);
    await query("UPDATE office_migrations SET checksum = 'other' WHERE name = 'transitions'");
    await expect(migrate(url, { schema: "public" })).resolves.toEqual({ applied: ["transitions"] });
    await expect(query(body)).resolves.toEqual(before);
  });
});
