import { newJobId } from "office-server/platform/ids.ts";
import pg from "pg";
import { sql, type World } from "./scheduler.ts";
import type { TestOffice } from "./testOffice.ts";

/** A row as another program writes it: it knows nothing of the columns that came with the scheduler. */
export interface ForeignRow {
  key: string;
  depends_on?: string[] | null;
  status?: string;
  priority?: number | null;
  metadata?: Record<string, unknown>;
}

/** Writes rows in one statement, on a connection that is not the scheduler's. */
export async function insertRows(
  world: World,
  office: TestOffice,
  rows: readonly ForeignRow[],
  searchPath = "public",
): Promise<void> {
  for (const { key } of rows) office.adopt(key, newJobId());
  await onOwnConnection(world, async (client) => {
    await client.query("SELECT set_config('search_path', $1, false)", [searchPath]);
    await client.query(
      `INSERT INTO public.job_queue (id, office_id, title, status, depends_on, priority, metadata)
       SELECT r.id, $1, r.title, COALESCE(r.status, 'pending'), r.depends_on, r.priority, r.metadata
       FROM jsonb_to_recordset($2::jsonb) AS r(id uuid, title text, status text, depends_on uuid[], priority integer, metadata jsonb)`,
      [office.id, JSON.stringify(rows.map((row) => asColumns(office, row)))],
    );
  });
}

const asColumns = (office: TestOffice, { key, depends_on: dependsOn = null, ...row }: ForeignRow) => ({
  ...row,
  id: office.idOf(key),
  title: key,
  depends_on: dependsOn?.map((dependency) => office.idOf(dependency)) ?? null,
});

async function onOwnConnection(world: World, action: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: world.url });
  await client.connect();
  try {
    await action(client);
  } finally {
    await client.end();
  }
}

/** Jobs of which each depends on the next and the last on the first, and others besides. */
export async function insertCycle(
  world: World,
  office: TestOffice,
  keys: readonly string[],
  others: readonly ForeignRow[],
): Promise<void> {
  const ids = keys.map(() => newJobId());
  for (const [index, key] of keys.entries()) office.adopt(key, ids[index] ?? "");
  await sql(
    world,
    `WITH ring AS (
       INSERT INTO job_queue (id, office_id, title, depends_on)
       SELECT r.id, $1, r.title, ARRAY[r.next] FROM unnest($2::uuid[], $3::text[], $4::uuid[]) AS r(id, title, next)
     )
     INSERT INTO job_queue (office_id, id, title, depends_on)
     SELECT $1, o.id, o.title, o.depends_on FROM jsonb_to_recordset($5::jsonb) AS o(id uuid, title text, depends_on uuid[])`,
    [
      office.id,
      ids,
      keys,
      [...ids.slice(1), ids[0]],
      JSON.stringify(
        others.map((row) => {
          office.adopt(row.key, newJobId());
          return { ...asColumns(office, row), depends_on: row.depends_on?.map((key) => office.idOf(key)) ?? [] };
        }),
      ),
    ],
  );
}
