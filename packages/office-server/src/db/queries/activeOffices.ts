import { LOOK, type Queryable } from "../connection.ts";

export interface ActiveOffice {
  id: string;
  /** It has jobs that may start, or rows that another program wrote and nobody has taken in yet. */
  has_work: boolean;
  has_foreign_jobs: boolean;
  /** Until the next time that a job waits for, in ms by the database's clock; null when none waits for a time to come. */
  due_in_ms: number | null;
}

/** The offices that the scheduler has anything to do in, now or at a known time. A few index probes each. */
export const activeOffices = (database: Queryable): Promise<ActiveOffice[]> =>
  database.query<ActiveOffice>(
    "active_offices",
    // Each probe is the first in the order of its index. Without the order, which an EXISTS would not keep, statistics that know
    // few such jobs, or none at all, may make it a walk through all jobs. OFFSET 0: each once.
    `SELECT o.id, w.ready OR w.foreign_jobs OR w.due AS has_work, w.foreign_jobs AS has_foreign_jobs, w.due_in_ms::float8
     FROM offices o CROSS JOIN LATERAL (
       SELECT
         (SELECT j.id FROM job_queue j WHERE j.office_id = o.id AND j.ready_at IS NOT NULL
          ORDER BY j.priority, j.created_at, j.id LIMIT 1) IS NOT NULL AS ready,
         (SELECT j.created_at FROM job_queue j WHERE j.office_id = o.id AND NOT j.admitted
          ORDER BY j.created_at LIMIT 1) IS NOT NULL AS foreign_jobs,
         (SELECT j.run_at FROM job_queue j WHERE j.office_id = o.id AND j.run_at <= n.now AND j.unmet_count = 0
          ORDER BY j.run_at LIMIT 1) IS NOT NULL AS due,
         (SELECT extract(epoch FROM j.run_at - n.now) * 1000 FROM job_queue j WHERE j.office_id = o.id AND j.run_at > n.now
          ORDER BY j.run_at LIMIT 1) AS due_in_ms
       FROM (SELECT scheduler_now() AS now OFFSET 0) n
       OFFSET 0
     ) w
     WHERE o.status NOT IN ('paused', 'archived') AND (w.ready OR w.foreign_jobs OR w.due OR w.due_in_ms IS NOT NULL)`,
    [],
    LOOK,
  );
