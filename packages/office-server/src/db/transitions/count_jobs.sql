-- Brings job_counts of an office up to its event log. The first time it counts rows: they and the log are read in one
-- statement, so that both are of the same moment. It counts so many events that a statement may take its time for, and returns
-- whether there are more. Finished jobs that another program wrote have no events: admit_jobs adds them.
CREATE OR REPLACE FUNCTION count_jobs(p_office uuid) RETURNS boolean LANGUAGE plpgsql
  SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  v_seq bigint;
  v_until bigint;
BEGIN
  SELECT c.seq INTO v_seq FROM job_counts c WHERE c.office_id = p_office FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    INSERT INTO job_counts (office_id, seq, total, done, failed, timeout, cancelled, completions, completion_ms)
    SELECT p_office, (SELECT COALESCE(max(e.seq), 0) FROM job_events e WHERE e.office_id = p_office),
      j.total, j.done, j.failed, j.timeout, j.cancelled, x.n, x.ms
    FROM (
      SELECT count(*) AS total, count(*) FILTER (WHERE q.status = 'done') AS done,
        count(*) FILTER (WHERE q.status = 'failed') AS failed, count(*) FILTER (WHERE q.status = 'timeout') AS timeout,
        count(*) FILTER (WHERE q.status = 'cancelled') AS cancelled
      FROM job_queue q WHERE q.office_id = p_office AND q.admitted
    ) j, (
      SELECT count(*) AS n, COALESCE(sum(extract(epoch FROM e.ended_at - e.started_at) * 1000), 0) AS ms
      FROM job_executions e WHERE e.office_id = p_office AND e.status = 'completed'
    ) x
    WHERE EXISTS (SELECT 1 FROM offices o WHERE o.id = p_office)
    ON CONFLICT DO NOTHING;
    RETURN false;
  END IF;
  v_until := v_seq + 500000;
  UPDATE job_counts c SET
    seq = n.seq, total = c.total + n.total, done = c.done + n.done, failed = c.failed + n.failed,
    timeout = c.timeout + n.timeout, cancelled = c.cancelled + n.cancelled,
    completions = c.completions + n.completions, completion_ms = c.completion_ms + n.ms
  FROM (
    SELECT max(e.seq) AS seq,
      count(*) FILTER (WHERE e.type = 'job_created') AS total,
      count(*) FILTER (WHERE e.type = 'job_completed') - count(*) FILTER (WHERE e.type = 'job_retrying' AND e.details ->> 'was' = 'done') AS done,
      count(*) FILTER (WHERE e.type = 'job_failed') - count(*) FILTER (WHERE e.type = 'job_retrying' AND e.details ->> 'was' = 'failed') AS failed,
      count(*) FILTER (WHERE e.type = 'job_timeout') - count(*) FILTER (WHERE e.type = 'job_retrying' AND e.details ->> 'was' = 'timeout') AS timeout,
      count(*) FILTER (WHERE e.type = 'job_cancelled') - count(*) FILTER (WHERE e.type = 'job_retrying' AND e.details ->> 'was' = 'cancelled') AS cancelled,
      count(x.id) AS completions, COALESCE(sum(extract(epoch FROM x.ended_at - x.started_at) * 1000), 0) AS ms
    FROM job_events e LEFT JOIN job_executions x ON e.type = 'job_completed' AND x.id = e.execution_id
    WHERE e.office_id = p_office AND e.seq > v_seq AND e.seq <= v_until
  ) n
  WHERE c.office_id = p_office AND n.seq IS NOT NULL;
  RETURN EXISTS (SELECT 1 FROM job_events e WHERE e.office_id = p_office AND e.seq > v_until);
END $$;
