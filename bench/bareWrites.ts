import { Database } from "office-server/db/connection.ts";
import { monotonicMs } from "office-server/platform/clock.ts";
import { createOffice, makeJobs, submit } from "./world.ts";

/** Ends the jobs of one batch and starts those of the next: the rows that a pass writes, and no more. */
const BARE_PASS = `
  CREATE FUNCTION bench_bare_pass(p_office uuid, p_ended uuid[], p_started uuid[], p_seq bigint) RETURNS void LANGUAGE plpgsql
    SET enable_seqscan = off SET plan_cache_mode = force_generic_plan
  AS $$
  BEGIN
    UPDATE job_executions SET status = 'completed', ended_at = now(), exit_code = 0
    WHERE id = ANY (ARRAY(SELECT execution_id(id, 1) FROM unnest(p_ended) AS id));
    UPDATE job_queue SET status = 'done', completed_at = now() WHERE id = ANY (p_ended);
    UPDATE job_queue SET status = 'processing', attempt = 1, ready_at = NULL, started_at = now() WHERE id = ANY (p_started);
    INSERT INTO job_executions (id, job_id, office_id, role, attempt, worker_id, fencing_token, timeout_ms, started_at)
    SELECT execution_id(id, 1), id, p_office, 'BE', 1, 'bench', 1, 1000, now() FROM unnest(p_started) AS id;
    INSERT INTO job_events (office_id, seq, type, job_id, role, execution_id, attempt, "timestamp")
    SELECT p_office, p_seq + row_number() OVER (), type, id, 'BE', execution_id(id, 1), 1, now() FROM (
      SELECT 'job_completed' AS type, id FROM unnest(p_ended) AS id UNION ALL SELECT 'job_started', id FROM unnest(p_started) AS id
    ) e;
  END $$`;

/**
 * Jobs a second when nobody decides anything: the same rows, with the same indexes and as durable, but no trigger, no
 * lock, no rule and no session. On each of `connections`, one batch after the other in an office of its own. A yardstick
 * for the machine, and no bound: it is written plainly.
 */
export async function bareWritesRate(
  database: Database,
  jobs: number,
  batch: number,
  connections = 1,
): Promise<number> {
  await database.query("bench_bare_function", BARE_PASS);
  const offices = await Promise.all(
    Array.from({ length: connections }, (_, index) => waitingOffice(database, `bare ${index}`, jobs / connections)),
  );
  const writers = withoutTriggers(database, connections);
  const startMs = monotonicMs();
  await Promise.all(offices.map((office) => writeAll(writers, office, batch)));
  const seconds = (monotonicMs() - startMs) / 1_000;
  await writers.close();
  return jobs / seconds;
}

function withoutTriggers({ options }: Database, connectionsMax: number): Database {
  const url = new URL(options.connectionString);
  url.searchParams.set("options", "-c session_replication_role=replica");
  return new Database({ ...options, connectionString: url.href, connectionsMax });
}

interface WaitingOffice {
  id: string;
  jobIds: string[];
}

async function waitingOffice(database: Database, name: string, count: number): Promise<WaitingOffice> {
  const id = await createOffice(database, name, {});
  const jobs = makeJobs(count);
  await submit(database, id, jobs);
  return { id, jobIds: jobs.map((job) => job.id) };
}

async function writeAll(database: Database, { id, jobIds }: WaitingOffice, batch: number): Promise<void> {
  for (let first = 0; first <= jobIds.length; first += batch) {
    const [ended, started] = [jobIds.slice(Math.max(first - batch, 0), first), jobIds.slice(first, first + batch)];
    await database.query("bench_bare_pass", "SELECT bench_bare_pass($1, $2, $3, $4)", [
      id,
      ended,
      started,
      1_000_000 + first * 2,
    ]);
  }
}
