import { newJobId } from "office-server/platform/ids.ts";
import pg from "pg";
import { onTestFinished } from "vitest";
import { createEmptyDatabase } from "./database.ts";

/** A row of the older `job_queue`. What is not given is null. */
export interface OldJob {
  id: string;
  title: string | null;
  status: string | null;
  depends_on: string[] | null;
  priority: number | null;
  metadata: Record<string, unknown> | null;
  [column: string]: unknown;
}

/** How an older database differs from the usual one. */
export interface OldShape {
  name: string;
  /** The type of its times. */
  time?: "timestamptz" | "timestamp";
  /** What follows `status varchar(20)`. */
  status?: string;
  /** SQL to run after the tables are there. */
  extras?: string;
  /** SQL to run after the rows are there. */
  afterwards?: string;
}

const STATES = "CHECK (status IN ('pending', 'ready', 'processing', 'done', 'failed', 'cancelled'))";

const tables = ({ time = "timestamptz", status = `DEFAULT 'pending' ${STATES}` }: OldShape): string => `
  CREATE TABLE offices (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text, description text, github_org text, github_repo text,
    repo_path text, layout jsonb, status varchar(20) DEFAULT 'active', created_at ${time} DEFAULT now(),
    updated_at ${time} DEFAULT now(), metadata jsonb
  );
  CREATE TABLE job_queue (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), office_id uuid, agent_id uuid, worktree_id uuid, title varchar(200),
    description text, status varchar(20) ${status}, depends_on uuid[], pr_number integer, branch_name varchar(100),
    priority integer, created_at ${time} DEFAULT now(), started_at ${time}, completed_at ${time}, metadata jsonb
  );`;

/** A database as an earlier scheduler left it: one office, and jobs in every state, some of which depend on others. */
export async function createOldDatabase(shape: OldShape) {
  const { url, drop } = await createEmptyDatabase();
  const client = new pg.Client({ connectionString: url });
  onTestFinished(async () => {
    await client.end();
    await drop();
  });
  await client.connect();
  await client.query(tables(shape) + (shape.extras ?? ""));

  const officeId = newJobId();
  const times = { created_at: "2024-02-03 04:05:06.789", started_at: null, completed_at: null };
  await insert(client, "offices", { id: officeId, name: "Old", layout: { x: 1 }, created_at: times.created_at });
  const jobs: OldJob[] = [];
  const add = async (
    title: string,
    status: string | null,
    dependsOn: OldJob[] | null = [],
    more = {},
  ): Promise<OldJob> => {
    const job: OldJob = {
      id: newJobId(),
      office_id: officeId,
      agent_id: newJobId(),
      worktree_id: null,
      title,
      description: `About ${title}`,
      status,
      depends_on: dependsOn?.map(({ id }) => id) ?? null,
      pr_number: 7,
      branch_name: "main",
      priority: 3,
      metadata: { note: title },
      ...times,
      ...more,
    };
    await insert(client, "job_queue", job);
    jobs.push(job);
    return job;
  };
  const done = await add("done", "done", [], { started_at: times.created_at, completed_at: times.created_at });
  const processing = await add("processing", "processing", [done], { started_at: times.created_at });
  const ready = await add("ready", "ready", [done], { metadata: { role: "QA" } });
  const pending = await add("pending", "pending", [processing, ready, done]);
  await add("last", "pending", [pending]);
  const failed = await add("failed", "failed", [done, pending]);
  await add("after a failure", "cancelled", [failed]);
  if (shape.afterwards !== undefined) await client.query(shape.afterwards);
  return { url, client, officeId, jobs, add };
}

async function insert(client: pg.Client, table: string, row: Readonly<Record<string, unknown>>): Promise<void> {
  const columns = Object.keys(row);
  const places = columns.map((_, index) => `$${index + 1}`);
  await client.query(`INSERT INTO ${table} (${columns.join()}) VALUES (${places.join()})`, Object.values(row));
}
