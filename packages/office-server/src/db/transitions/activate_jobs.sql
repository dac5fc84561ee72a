-- Makes ready those of some pending jobs that wait for nothing: neither a dependency nor a time.
CREATE OR REPLACE FUNCTION activate_jobs(p_jobs uuid[], p_now timestamptz) RETURNS integer LANGUAGE plpgsql
  SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET jit = off SET enable_seqscan = off
  SET enable_hashjoin = off SET enable_mergejoin = off SET enable_bitmapscan = off SET enable_memoize = off
AS $$
DECLARE
  v_count integer;
BEGIN
  WITH activated AS (
    UPDATE job_queue j SET status = 'ready', ready_at = p_now, run_at = NULL
    FROM unnest(p_jobs) AS i(id)
    WHERE j.id = i.id AND j.status = 'pending' AND j.unmet_count = 0 AND j.admitted
      AND (j.run_at IS NULL OR j.run_at <= p_now)
    RETURNING j.id, j.office_id, j.task_id, j.key, j.role, j.priority
  ), logged AS (
    INSERT INTO job_events (office_id, seq, type, task_id, job_id, job_key, role, "timestamp")
    SELECT a.office_id, a.n + max(CASE WHEN a.n = 1 THEN (
        SELECT COALESCE(max(e.seq), 0) FROM job_events e WHERE e.office_id = a.office_id
      ) END) OVER (PARTITION BY a.office_id),
      'job_ready', a.task_id, a.id, a.key, a.role, p_now
    FROM (SELECT x.*, row_number() OVER (PARTITION BY x.office_id ORDER BY x.priority, x.id) AS n FROM activated x) a
    RETURNING 1
  )
  SELECT count(*) INTO v_count FROM logged;
  RETURN v_count;
END $$;
