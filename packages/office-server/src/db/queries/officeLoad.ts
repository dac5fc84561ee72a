import type { JobSchedulerConfig } from "office-contract/config.ts";
import type { Queryable } from "../connection.ts";

export interface OfficeLoad {
  config: JobSchedulerConfig;
  /** The role of each live execution. */
  running_roles: string[];
}

/** An office's settings and what is running in it; null when there is no such office. */
export async function officeLoad(database: Queryable, officeId: string): Promise<OfficeLoad | null> {
  const [row] = await database.query<OfficeLoad>(
    "office_load",
    `SELECT scheduler_config AS config, ARRAY(
       SELECT e.role FROM job_executions e WHERE e.office_id = o.id AND e.ended_at IS NULL
     ) AS running_roles FROM offices o WHERE o.id = $1`,
    [officeId],
  );
  return row ?? null;
}
