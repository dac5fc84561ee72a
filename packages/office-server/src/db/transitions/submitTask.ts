import type { SessionSpec } from "office-contract/session.ts";
import type { Queryable } from "../connection.ts";
import { storableJson } from "../storableJson.ts";

/** A job to store, its dependencies given by job id. */
export interface NewJob {
  id: string;
  key: string | null;
  role: string;
  title: string;
  description: string | null;
  session: SessionSpec | null;
  priority: number;
  timeout_ms: number | null;
  max_retries: number | null;
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

/** Stores a task with its jobs and their edges, within the caller's transaction: see submit_task.sql. */
export async function submitTask(transaction: Queryable, task: NewTask): Promise<void> {
  await transaction.query("submit_task", "SELECT submit_task($1, $2, $3, $4, $5)", [
    task.officeId,
    task.id,
    task.title,
    task.planPath,
    storableJson(task.jobs),
  ]);
}
