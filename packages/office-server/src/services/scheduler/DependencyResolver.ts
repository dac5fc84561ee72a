import type { Database } from "../../db/connection.ts";
import { type ReadyJobRow, readyJobs } from "../../db/queries/readyJobs.ts";
import { admitForeignJobs } from "../../db/transitions/admitJobs.ts";
import { detectCycle, type ExecutionOrder, executionOrder, type GraphNode } from "../../domain/graph.ts";
import { newlyInvalid } from "../../domain/intake.ts";

const READY_JOBS_LIMIT = 1_000;

/** Answers what may run and in which order, and takes in jobs that another program wrote. */
export class DependencyResolver {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** An office's ready jobs in the order in which they start. */
  getReadyJobs(officeId: string, limit: number = READY_JOBS_LIMIT): Promise<ReadyJobRow[]> {
    return readyJobs(this.#database, officeId, limit);
  }

  /** The keys of a cycle in order, its first repeated at the end; null when there is none. */
  detectCycle(jobs: readonly GraphNode[]): string[] | null {
    return detectCycle(jobs);
  }

  /** The jobs in groups that may run at the same time, each group after the ones before it. */
  getExecutionOrder(jobs: readonly GraphNode[]): ExecutionOrder {
    return executionOrder(jobs);
  }

  /**
   * Takes in the rows that another program inserted into an office's `job_queue`: their dependencies are recorded,
   * and those that can never run (a cycle, a dependency in another office) fail with a reason. Returns how many.
   */
  admitForeignJobs(officeId: string): Promise<number> {
    return admitForeignJobs(this.#database, officeId, newlyInvalid);
  }
}
