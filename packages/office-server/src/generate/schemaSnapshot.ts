/**
 * Writes schema.snapshot.txt: the database's schema after all migrations, read from the catalogs of a real server. With
 * --check, fails when the file is not what it would write.
 */
import { readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { acquireEmbeddedPostgres } from "../db/embedded/embeddedPostgres.ts";
import { migrate } from "../db/migrate.ts";
import { newId } from "../platform/ids.ts";

const TARGET = join(import.meta.dirname, "../../schema.snapshot.txt");
const SCHEMA = "public";

/** What is listed, each a query of lines in the order in which they are written. */
const SECTIONS: Readonly<Record<string, string>> = {
  domains: `SELECT format('%s %s %s', t.typname, format_type(t.typbasetype, t.typtypmod), pg_get_constraintdef(c.oid))
    FROM pg_type t JOIN pg_constraint c ON c.contypid = t.oid WHERE t.typnamespace = $1::regnamespace ORDER BY t.typname`,
  columns: `SELECT format('%s.%s %s%s%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
      CASE WHEN a.attnotnull THEN ' NOT NULL' END,
      CASE WHEN a.attgenerated <> '' THEN ' GENERATED ' ELSE ' DEFAULT ' END || pg_get_expr(d.adbin, d.adrelid))
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relnamespace = $1::regnamespace AND c.relkind IN ('r', 'c') AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY c.relname, a.attnum`,
  sequences: `SELECT c.relname FROM pg_class c WHERE c.relnamespace = $1::regnamespace AND c.relkind = 'S' ORDER BY c.relname`,
  constraints: `SELECT format('%s.%s %s', c.conrelid::regclass, c.conname, pg_get_constraintdef(c.oid))
    FROM pg_constraint c WHERE c.connamespace = $1::regnamespace AND c.conrelid <> 0 AND c.contype <> 'n'
    ORDER BY c.conrelid::regclass::text, c.conname`,
  indexes: `SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE c.relnamespace = $1::regnamespace ORDER BY c.relname`,
  triggers: `SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    WHERE c.relnamespace = $1::regnamespace AND NOT t.tgisinternal ORDER BY c.relname, t.tgname`,
  functions: `SELECT format('%s(%s) -> %s', p.proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid))
    FROM pg_proc p WHERE p.pronamespace = $1::regnamespace ORDER BY p.proname, pg_get_function_arguments(p.oid)`,
};

async function snapshotOf(connectionString: string): Promise<string> {
  await migrate(connectionString, { schema: SCHEMA });
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    const parts: string[] = [];
    for (const [title, query] of Object.entries(SECTIONS)) {
      const { rows } = await client.query<[string]>({ text: query, values: [SCHEMA], rowMode: "array" });
      parts.push([`# ${title}`, ...rows.map(([line]) => line.replaceAll(/\s+/g, " ").trim()), ""].join("\n"));
    }
    return parts.join("\n");
  } finally {
    await client.end();
  }
}

const home = join(tmpdir(), `office-schema-${newId()}`);
const server = await acquireEmbeddedPostgres(home);
try {
  const snapshot = await snapshotOf(server.url);
  if (!process.argv.includes("--check")) {
    await writeFile(TARGET, snapshot);
  } else if ((await readFile(TARGET, "utf8").catch(() => "")) !== snapshot) {
    process.stderr.write(
      "schema.snapshot.txt is not what the migrations make: run `npm run generate`, and look at the change\n",
    );
    process.exitCode = 1;
  }
} finally {
  await server.release();
  await rm(home, { recursive: true, force: true });
}
