import type { SessionSpec } from "office-contract/session.ts";
import type { Queryable } from "../connection.ts";
import { isoTimestamp } from "../isoTimestamp.ts";
import { storableJson } from "../storableJson.ts";

/** A job to store, its dependencies given by job id. */
export interface NewJob {
  id: string;
  key: string | null;
  role: string;
  title: string;
  description: string | null;
  /** Where the office says how the job's role is run: what the job itself says of it, or null. */
  session: Partial<SessionSpec> | null;
  priority: number;
  timeout_ms: number | null;
  max_retries: number | null;
  agent_id?: string | null;
  worktree_id?: string | null;
  branch_name?: string | null;
  metadata?: Record<string, unknown> | null;
  depends_on: readonly string[];
}

export interface NewTask {
  id: string;
  officeId: string;
  title: string | null;
  /** The plan file that it came from, if any; absolute. */
  planPath: string | null;
  jobs: readonly NewJob[];
}

/**
 * Stores a task with its jobs and their edges, all or nothing: see submit_task.sql. Returns when they were created, as the API
 * writes it; null where the office is archived or gone, and nothing was stored.
 */
export async function submitTask(database: Queryable, task: NewTask): Promise<string | null> {
  const [row] = await database.query<{ created_at: string | null }>(
    "submit_task",
    `SELECT ${isoTimestamp("submit_task($1, $2, $3, $4, $5)")} AS created_at`,
    [task.officeId, task.id, task.title, task.planPath, storableJson(task.jobs)],
  );
  return row?.created_at ?? null;
}
