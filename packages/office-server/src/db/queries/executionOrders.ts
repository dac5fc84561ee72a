import type { StopCause } from "../../domain/outcome.ts";
import { LOOK, type Queryable } from "../connection.ts";

/** What the database says of an execution's session: whether it is to stop, and how long it may run. */
export interface ExecutionOrder {
  execution_id: string;
  office_id: string;
  stop_cause: StopCause | null;
  /** From the session's start. */
  timeout_ms: number;
}

/** What holds for each live execution of a worker, whoever has said so. Sessions that run elsewhere are left out. */
export const executionOrders = (database: Queryable, workerId: string): Promise<ExecutionOrder[]> =>
  database.query<ExecutionOrder>(
    "execution_orders",
    `SELECT id AS execution_id, office_id, stop_cause, timeout_ms::float8 FROM job_executions
     WHERE ended_at IS NULL AND lease_ms IS NULL AND worker_id = $1`,
    [workerId],
    LOOK,
  );
