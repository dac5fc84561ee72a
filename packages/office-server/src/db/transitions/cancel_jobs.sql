-- Cancels jobs, whatever they are doing, and what depends on them. Final ones stay as they are. A running session's
-- execution is marked to be stopped and keeps its slot until the session is gone.
-- Returns the cancelled jobs and the executions to stop: {cancelled: [id], stopping: [execution id]}.
CREATE OR REPLACE FUNCTION cancel_jobs(p_office uuid, p_jobs uuid[], p_message text) RETURNS json LANGUAGE plpgsql
  SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET jit = off SET enable_seqscan = off
  SET enable_hashjoin = off SET enable_mergejoin = off SET enable_bitmapscan = off SET enable_memoize = off
AS $$
DECLARE
  v_now timestamptz;
  v_cancelled uuid[];
  v_stopping uuid[];
BEGIN
  PERFORM lock_offices(ARRAY[p_office]);
  v_now := scheduler_now();
  -- Another program may be changing them: it is waited for here, so that the next statement finds them where they are.
  PERFORM 1 FROM job_queue j WHERE j.id = ANY (p_jobs) AND j.office_id = p_office FOR NO KEY UPDATE;
  WITH cancelled AS (
    UPDATE job_queue j SET
      status = 'cancelled', cancelled_at = v_now, run_at = NULL, ready_at = NULL, caused_by = NULL,
      error_class = 'CANCELLED', error_message = p_message
    FROM unnest(p_jobs) AS i(id) CROSS JOIN LATERAL (
      SELECT x.ctid AS tid, x.status AS old_status FROM job_queue x WHERE x.id = i.id AND x.office_id = p_office
        AND x.status IN ('pending', 'ready', 'processing') LIMIT 1
    ) t
    WHERE j.ctid = t.tid
    RETURNING j.id, j.office_id, j.task_id, j.key, j.role, j.attempt, t.old_status
  ), stopping AS (
    UPDATE job_executions e SET stop_cause = 'cancelled'
    FROM cancelled c WHERE c.old_status = 'processing' AND e.id = execution_id(c.id, c.attempt) AND e.status = 'running'
    RETURNING e.id, e.job_id, e.attempt
  ), logged AS (
    INSERT INTO job_events (office_id, seq, type, task_id, job_id, job_key, role, execution_id, attempt, "timestamp", details)
    SELECT k.office_id, k.n + max(CASE WHEN k.n = 1 THEN (
        SELECT COALESCE(max(e.seq), 0) FROM job_events e WHERE e.office_id = k.office_id
      ) END) OVER (PARTITION BY k.office_id),
      'job_cancelled', k.task_id, k.id, k.key, k.role, s.id, s.attempt, v_now,
      jsonb_build_object('error_class', 'CANCELLED', 'message', p_message)
    FROM (SELECT x.*, row_number() OVER (PARTITION BY x.office_id ORDER BY x.id) AS n FROM cancelled x) k
    LEFT JOIN stopping s ON s.job_id = k.id
  )
  SELECT (SELECT array_agg(c.id) FROM cancelled c), (SELECT array_agg(s.id) FROM stopping s) INTO v_cancelled, v_stopping;
  IF v_cancelled IS NOT NULL THEN
    v_cancelled := v_cancelled || cancel_dependents(v_cancelled, v_now);
  END IF;
  RETURN json_build_object('cancelled', to_json(COALESCE(v_cancelled, '{}')), 'stopping', to_json(COALESCE(v_stopping, '{}')));
END $$;
