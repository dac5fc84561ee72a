import type { JobState } from "office-contract/vocabulary.ts";
import type { Queryable } from "../connection.ts";

export interface TaskRow {
  id: string;
  office_id: string;
  office_name: string;
}

/** The newest task that came from a plan file, in the office of that name; null when there is none. */
export async function lastTaskOfPlan(
  database: Queryable,
  officeName: string,
  planPath: string,
): Promise<TaskRow | null> {
  const [row] = await database.query<TaskRow>(
    "last_task_of_plan",
    `SELECT t.id, t.office_id, o.name AS office_name FROM offices o JOIN job_tasks t ON t.office_id = o.id
     WHERE o.name = $1 AND t.plan_path = $2 ORDER BY t.created_at DESC, t.id DESC LIMIT 1`,
    [officeName, planPath],
  );
  return row ?? null;
}

export interface TaskJobRow {
  id: string;
  key: string;
  role: string;
  title: string;
  status: JobState;
  depends_on: string[];
}

/** The jobs of a task in the order of its plan. */
export const taskJobs = (database: Queryable, taskId: string): Promise<TaskJobRow[]> =>
  database.query<TaskJobRow>(
    "task_jobs",
    `SELECT j.id, COALESCE(j.key, j.id::text) AS key, j.role, j.title, j.status, j.depends_on
     FROM job_tasks t JOIN job_queue j ON j.office_id = t.office_id AND j.created_at = t.created_at AND j.task_id = t.id
     WHERE t.id = $1 ORDER BY j.id`,
    [taskId],
  );
