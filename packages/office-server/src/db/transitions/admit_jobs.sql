-- Takes in rows that another program wrote into job_queue: records their edges, tells of them, and lets them wait or
-- run. p_invalid names those that cannot run (a part of a cycle, say): {job id: message}; they fail, with their
-- dependents cancelled. What came in finished is history: it has no events, but others may wait for it. The office must be locked by the same transaction, and p_jobs read under that lock.
CREATE OR REPLACE FUNCTION admit_jobs(p_office uuid, p_jobs uuid[], p_invalid jsonb) RETURNS void LANGUAGE plpgsql
  SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET jit = off SET enable_seqscan = off
  SET enable_hashjoin = off SET enable_mergejoin = off SET enable_bitmapscan = off SET enable_memoize = off
AS $$
DECLARE
  v_now timestamptz := scheduler_now();
  v_broken uuid[];
  v_dependents uuid[];
BEGIN
  UPDATE job_queue j SET admitted = true, started_at = CASE WHEN j.status <> 'pending' THEN j.started_at END FROM unnest(p_jobs) AS i(id) WHERE j.id = i.id AND NOT j.admitted;
  -- A way to run needs a folder and an environment: where they are not said, the office's folder, and nothing.
  UPDATE job_queue j SET session = jsonb_build_object('cwd', COALESCE(o.repo_path, '/'), 'env', '{}'::jsonb) || j.session
  FROM unnest(p_jobs) AS i(id), offices o
  WHERE j.id = i.id AND o.id = p_office AND j.status = 'pending' AND jsonb_typeof(j.session) = 'object'
    AND j.session ?| ARRAY['command', 'run', 'runtime'] AND NOT j.session ?& ARRAY['cwd', 'env'];
  PERFORM record_edges(p_jobs);

  -- What came in finished has no events that count_jobs could count.
  UPDATE job_counts c SET total = c.total + n.total, done = c.done + n.done, failed = c.failed + n.failed,
    timeout = c.timeout + n.timeout, cancelled = c.cancelled + n.cancelled
  FROM (
    SELECT count(*) AS total, count(*) FILTER (WHERE j.status = 'done') AS done,
      count(*) FILTER (WHERE j.status = 'failed') AS failed, count(*) FILTER (WHERE j.status = 'timeout') AS timeout,
      count(*) FILTER (WHERE j.status = 'cancelled') AS cancelled
    FROM unnest(p_jobs) AS i(id) JOIN job_queue j ON j.id = i.id AND j.status <> 'pending'
  ) n
  WHERE c.office_id = p_office;

  INSERT INTO job_events (office_id, seq, type, task_id, job_id, job_key, role, "timestamp", details)
  SELECT p_office, row_number() OVER (ORDER BY j.created_at, j.id) + (
      SELECT COALESCE(max(e.seq), 0) FROM job_events e WHERE e.office_id = p_office
    ), 'job_created', j.task_id, j.id, j.key, j.role, v_now,
    jsonb_build_object('title', j.title, 'priority', j.priority, 'depends_on', to_jsonb(j.depends_on))
  FROM unnest(p_jobs) AS i(id) JOIN job_queue j ON j.id = i.id AND j.status = 'pending';

  WITH failed AS (
    UPDATE job_queue j SET
      status = 'failed', completed_at = v_now, run_at = NULL, error_class = 'INVALID_JOB', error_message = f.value
    FROM jsonb_each_text(p_invalid) AS f
    WHERE j.id = f.key::uuid AND j.office_id = p_office AND j.status = 'pending'
    RETURNING j.id, j.task_id, j.key, j.role, j.error_message
  ), logged AS (
    INSERT INTO job_events (office_id, seq, type, task_id, job_id, job_key, role, "timestamp", details)
    SELECT p_office, row_number() OVER (ORDER BY f.id) + (
        SELECT COALESCE(max(e.seq), 0) FROM job_events e WHERE e.office_id = p_office
      ), 'job_failed', f.task_id, f.id, f.key, f.role, v_now,
      jsonb_build_object('error_class', 'INVALID_JOB', 'message', f.error_message)
    FROM failed f
  )
  SELECT array_agg(f.id) INTO v_broken FROM failed f;

  v_dependents := ARRAY(
    SELECT DISTINCT w.id FROM unnest(p_jobs) AS i(id)
    JOIN job_queue j ON j.id = i.id AND j.status = 'done'
    JOIN job_dependencies d ON d.depends_on_id = j.id
    JOIN job_queue w ON w.id = d.job_id AND w.office_id IS NOT DISTINCT FROM p_office
  );
  PERFORM record_edges(v_dependents);
  PERFORM activate_jobs(p_jobs || v_dependents, v_now);
  v_broken := v_broken || ARRAY(
    SELECT j.id FROM unnest(p_jobs) AS i(id) JOIN job_queue j ON j.id = i.id
    WHERE j.status IN ('failed', 'timeout', 'cancelled')
    UNION
    SELECT d.depends_on_id FROM unnest(p_jobs) AS i(id)
    JOIN job_dependencies d ON d.job_id = i.id JOIN job_queue j ON j.id = d.depends_on_id
    WHERE j.status IN ('failed', 'timeout', 'cancelled')
  );
  PERFORM cancel_dependents(v_broken, v_now);
END $$;
