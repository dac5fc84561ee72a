import { LOOK, type Queryable } from "../connection.ts";

export interface ExternalDue {
  office_id: string;
  /** Until the next lease or deadline of an external session ends, in ms by the database's clock; 0 or less: it has. */
  due_in_ms: number;
}

/** The offices with sessions that run elsewhere, and when each has to be looked at next. */
export const externalDue = (database: Queryable): Promise<ExternalDue[]> =>
  database.query<ExternalDue>(
    "external_due",
    `SELECT office_id, (extract(epoch FROM min(LEAST(lease_until,
         CASE WHEN stop_cause IS NULL THEN started_at + timeout_ms * interval '1 ms' END)) - scheduler_now()) * 1000)::float8 AS due_in_ms
     FROM job_executions WHERE lease_ms IS NOT NULL AND ended_at IS NULL GROUP BY office_id`,
    [],
    LOOK,
  );
