import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { inTime } from "../platform/timers.ts";

/** A numbered migration, applied once and never changed afterwards. */
interface Migration {
  name: string;
  sql: string;
  checksum: string;
}

/** The transition functions of this version. */
interface Routines extends Migration {
  functions: string[];
}

/** What a run of `migrate` did: the names of what it applied, in order. */
export interface MigrationReport {
  applied: string[];
}

/** Raised when a database's history does not fit this version's migrations. */
export class MigrationError extends Error {
  override name = "MigrationError";
}

// Any number, as long as all versions agree on it: the advisory lock that one migrating process holds.
const LOCK_ID = 7_236_041_889;
/** The comment on each transition function. */
const ROUTINE_MARK = "A transition of Office Scheduler, replaced by each of its versions.";
const SCHEMA_NAME = /^[a-z_][a-z0-9_]{0,62}$/;

const CONNECT_MS_MAX = 15_000;
/** For a look. What is to be applied may take as long as it takes. */
const LOOK_MS_MAX = 10_000;
/** One that has stopped in the middle, or cannot be reached any more, keeps the others out for no longer. */
const IDLE_MS_MAX = 10_000;

/**
 * Brings a database's schema up to date: forward-only numbered migrations, then the transition functions, which are
 * replaced whole whenever their text changed. Runs in one transaction under an advisory lock, so that running it
 * twice, or from two processes at once, is harmless, and a failure leaves nothing half done. Where everything is up to date,
 * as at nearly every start, a look is all, and waits for nobody.
 *
 * @throws MigrationError when an applied migration is not the one that this version carries, or is unknown to it.
 */
export async function migrate(connectionString: string, options: { schema: string }): Promise<MigrationReport> {
  if (!SCHEMA_NAME.test(options.schema)) {
    throw new MigrationError(`DATABASE_SCHEMA is "${options.schema}"; it must match ${SCHEMA_NAME.source}`);
  }
  const migrations = await readMigrations();
  const routines = await readRoutines();
  const client = new pg.Client({
    connectionString,
    application_name: "office migrate",
    connectionTimeoutMillis: CONNECT_MS_MAX,
    keepAlive: true,
  });
  // What breaks the connection makes a statement fail, and is told by that.
  client.on("error", () => {});
  await client.connect();
  try {
    if (await isUpToDate(client, options.schema, [...migrations, routines])) return { applied: [] };
    await client.query("BEGIN");
    await client.query(`SET LOCAL idle_in_transaction_session_timeout = ${IDLE_MS_MAX}`);
    await client.query("SELECT pg_advisory_xact_lock($1)", [LOCK_ID]);
    // Not IF NOT EXISTS: that takes the right to create schemas, even where there is nothing to create.
    const { rowCount } = await client.query("SELECT 1 FROM pg_namespace WHERE nspname = $1", [options.schema]);
    if (rowCount === 0) await client.query(`CREATE SCHEMA ${pg.escapeIdentifier(options.schema)}`);
    await client.query(
      "SELECT set_config('search_path', $1, true), set_config('client_min_messages', 'warning', true)",
      [pg.escapeIdentifier(options.schema)],
    );
    const applied = await applyMigrations(client, migrations);
    if (await applyRoutines(client, routines)) applied.push(routines.name);
    await client.query("COMMIT");
    return { applied };
  } finally {
    await inTime(client.end(), CONNECT_MS_MAX);
  }
}

/** Whether exactly these have been applied. What is wrong, where not, is found under the lock. */
async function isUpToDate(client: pg.Client, schema: string, migrations: readonly Migration[]): Promise<boolean> {
  const table = `${pg.escapeIdentifier(schema)}.office_migrations`;
  const look = (text: string, values: unknown[] = []): pg.QueryConfig & { query_timeout: number } => {
    return { text, values, query_timeout: LOOK_MS_MAX };
  };
  const { rows: tables } = await client.query<{ there: boolean }>(
    look("SELECT to_regclass($1) IS NOT NULL AS there", [table]),
  );
  if (tables[0]?.there !== true) return false;
  const { rows } = await client.query<{ applied: string }>(
    look(`SELECT name || ' ' || checksum AS applied FROM ${table}`),
  );
  const applied = new Set(rows.map((row) => row.applied));
  return (
    applied.size === migrations.length && migrations.every(({ name, checksum }) => applied.has(`${name} ${checksum}`))
  );
}

async function applyMigrations(client: pg.Client, migrations: Migration[]): Promise<string[]> {
  await client.query(`CREATE TABLE IF NOT EXISTS office_migrations (
    name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`);
  const { rows } = await client.query<{ name: string; checksum: string }>(
    "SELECT name, checksum FROM office_migrations WHERE name <> 'transitions'",
  );
  const known = new Map(migrations.map((migration) => [migration.name, migration]));
  for (const row of rows) {
    const migration = known.get(row.name);
    if (migration === undefined) {
      throw new MigrationError(`The database has migration ${row.name}, which this version does not know: it is newer`);
    }
    if (migration.checksum !== row.checksum) {
      throw new MigrationError(`Migration ${row.name} was changed after it had been applied; add a new one instead`);
    }
  }
  const done = new Set(rows.map((row) => row.name));
  const missing = migrations.filter((migration) => !done.has(migration.name));
  for (const migration of missing) {
    await client.query(migration.sql);
    await recordMigration(client, migration);
  }
  return missing.map((migration) => migration.name);
}

/** The transition functions carry no data, so they are replaced, not migrated. */
async function applyRoutines(client: pg.Client, routines: Routines): Promise<boolean> {
  const { rows } = await client.query("SELECT 1 FROM office_migrations WHERE name = $1 AND checksum = $2", [
    routines.name,
    routines.checksum,
  ]);
  if (rows.length > 0) return false;
  // CREATE OR REPLACE alone would keep one with other parameters beside the new one, and refuse another result. Functions
  // of another program that happen to have such a name carry no mark of ours, and stay.
  for (const { name } of await routinesIn(client, routines, true)) await client.query(`DROP FUNCTION ${name}`);
  const foreign = new Set((await routinesIn(client, routines, false)).map(({ name }) => name));
  await client.query(routines.sql);
  for (const { name } of await routinesIn(client, routines, false)) {
    if (!foreign.has(name)) await client.query(`COMMENT ON FUNCTION ${name} IS ${pg.escapeLiteral(ROUTINE_MARK)}`);
  }
  await recordMigration(client, routines);
  return true;
}

/** The functions in the schema that have the names of ours: those that carry our mark, or those that do not. */
async function routinesIn(client: pg.Client, { functions }: Routines, marked: boolean): Promise<{ name: string }[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT oid::regprocedure::text AS name FROM pg_proc
     WHERE pronamespace = current_schema()::regnamespace AND prokind = 'f' AND proname = ANY ($1)
       AND (obj_description(oid, 'pg_proc') IS NOT DISTINCT FROM $2) = $3`,
    [functions, ROUTINE_MARK, marked],
  );
  return rows;
}

const recordMigration = (client: pg.Client, { name, checksum }: Migration) =>
  client.query(
    `INSERT INTO office_migrations (name, checksum) VALUES ($1, $2)
     ON CONFLICT (name) DO UPDATE SET checksum = EXCLUDED.checksum, applied_at = now()`,
    [name, checksum],
  );

async function readMigrations(): Promise<Migration[]> {
  const directory = join(import.meta.dirname, "migrations");
  const names = (await readdir(directory)).filter((name) => name.endsWith(".sql")).toSorted();
  return Promise.all(names.map(async (name) => asMigration(name, await readFile(join(directory, name), "utf8"))));
}

async function readRoutines(): Promise<Routines> {
  const directory = join(import.meta.dirname, "transitions");
  const names = (await readdir(directory)).filter((name) => name.endsWith(".sql")).toSorted();
  const texts = await Promise.all(names.map((name) => readFile(join(directory, name), "utf8")));
  const functions = names.map((name) => name.slice(0, -".sql".length));
  return { ...asMigration("transitions", texts.join("\n")), functions };
}

const asMigration = (name: string, sql: string): Migration => ({
  name,
  sql,
  checksum: createHash("sha256").update(sql).digest("hex"),
});
