-- Brings final jobs back, and with p_downstream what their bad end had cancelled. A job whose last session is still
-- being stopped is left as it is. What comes back but depends on a job that ended badly is cancelled again.
-- Returns the jobs that came back.
CREATE OR REPLACE FUNCTION retry_jobs(p_office uuid, p_jobs uuid[], p_downstream boolean) RETURNS uuid[] LANGUAGE plpgsql
  SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET jit = off SET enable_seqscan = off
  SET enable_hashjoin = off SET enable_mergejoin = off SET enable_bitmapscan = off SET enable_memoize = off
AS $$
DECLARE
  v_now timestamptz;
  v_back uuid[];
  v_undone uuid[];
  v_broken uuid[];
BEGIN
  PERFORM lock_offices(ARRAY[p_office]);
  v_now := scheduler_now();
  -- Another program may be changing them: it is waited for here, so that the next statement finds them where they are.
  PERFORM 1 FROM job_queue j WHERE j.id = ANY (p_jobs) AND j.office_id = p_office FOR NO KEY UPDATE;
  WITH RECURSIVE back (id) AS (
    SELECT j.id FROM unnest(p_jobs) AS i(id) JOIN job_queue j ON j.id = i.id
    WHERE j.office_id = p_office AND j.status IN ('done', 'failed', 'timeout', 'cancelled')
    UNION
    SELECT j.id FROM back b JOIN job_dependencies d ON d.depends_on_id = b.id JOIN job_queue j ON j.id = d.job_id
    WHERE p_downstream AND j.office_id = p_office AND j.status = 'cancelled' AND j.caused_by = b.id
  ), chosen AS MATERIALIZED (
    SELECT b.id, j.status AS old_status, j.ctid AS tid FROM back b JOIN job_queue j ON j.id = b.id
    WHERE NOT EXISTS (
      SELECT 1 FROM job_executions e WHERE e.id = execution_id(j.id, j.attempt::integer) AND e.status = 'running'
    )
  ), returned AS (
    UPDATE job_queue j SET
      status = 'pending', retry_count = 0, worker_losses = 0, started_at = NULL, completed_at = NULL, cancelled_at = NULL, caused_by = NULL,
      error_class = NULL, error_message = NULL, result = NULL
    FROM chosen c WHERE j.ctid = c.tid
    RETURNING j.id, j.office_id, j.task_id, j.key, j.role, j.attempt, c.old_status
  ), logged AS (
    INSERT INTO job_events (office_id, seq, type, task_id, job_id, job_key, role, attempt, "timestamp", details)
    SELECT k.office_id, k.n + max(CASE WHEN k.n = 1 THEN (
        SELECT COALESCE(max(e.seq), 0) FROM job_events e WHERE e.office_id = k.office_id
      ) END) OVER (PARTITION BY k.office_id),
      'job_retrying', k.task_id, k.id, k.key, k.role, NULLIF(k.attempt::integer, 0), v_now,
      jsonb_build_object('explicit', true, 'was', k.old_status)
    FROM (SELECT x.*, row_number() OVER (PARTITION BY x.office_id ORDER BY x.id) AS n FROM returned x) k
  )
  SELECT array_agg(r.id), array_agg(r.id) FILTER (WHERE r.old_status = 'done') INTO v_back, v_undone FROM returned r;
  IF v_back IS NULL THEN
    RETURN '{}';
  END IF;

  -- What was done and is to be done again counts against its dependents again.
  UPDATE job_queue j SET unmet_count = j.unmet_count + d.n
  FROM (
    SELECT d.job_id, count(*)::integer AS n FROM unnest(v_undone) AS u(id) JOIN job_dependencies d ON d.depends_on_id = u.id
    GROUP BY d.job_id
  ) d
  WHERE j.id = d.job_id AND j.office_id = p_office;

  PERFORM activate_jobs(v_back, v_now);
  v_broken := ARRAY(
    SELECT DISTINCT d.depends_on_id FROM unnest(v_back) AS b(id)
    JOIN job_dependencies d ON d.job_id = b.id JOIN job_queue j ON j.id = d.depends_on_id
    WHERE j.status IN ('failed', 'timeout', 'cancelled')
  );
  PERFORM cancel_dependents(v_broken, v_now);
  RETURN v_back;
END $$;
