-- Stores one task: its jobs and their edges, all or nothing. The caller has checked the graph of the request
-- (keys, cycles); dependencies on jobs that exist already must be in the same office.
--
-- p_jobs: [{id, key, role, title, description, session, priority, timeout_ms, max_retries, depends_on: [id]}]
CREATE OR REPLACE FUNCTION submit_task(p_office uuid, p_task uuid, p_title text, p_plan_path text, p_jobs jsonb) RETURNS void LANGUAGE plpgsql
  SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET jit = off SET enable_seqscan = off
  SET enable_hashjoin = off SET enable_mergejoin = off SET enable_bitmapscan = off SET enable_memoize = off
AS $$
DECLARE
  v_now timestamptz;
  v_seq bigint;
  v_ids uuid[];
  v_broken uuid[];
BEGIN
  PERFORM lock_offices(ARRAY[p_office]);
  v_now := scheduler_now();

  -- The jobs share the task's created_at: that is how a task's jobs are found (job_queue_by_office).
  INSERT INTO job_tasks (id, office_id, title, plan_path, created_at) VALUES (p_task, p_office, p_title, p_plan_path, v_now);
  INSERT INTO job_queue (id, office_id, task_id, key, role, title, description, session, priority, timeout_ms, max_retries,
    depends_on, admitted, created_at, status, ready_at)
  SELECT s.id, p_office, p_task, s.key, s.role, s.title, s.description, s.session, s.priority, s.timeout_ms, s.max_retries,
    s.depends_on, true, v_now,
    CASE WHEN s.depends_on = '{}' THEN 'ready' ELSE 'pending' END, CASE WHEN s.depends_on = '{}' THEN v_now END
  FROM jsonb_to_recordset(p_jobs) AS s(id uuid, key text, role text, title text, description text, session jsonb,
    priority integer, timeout_ms bigint, max_retries integer, depends_on uuid[]);

  v_ids := ARRAY(SELECT (s ->> 'id')::uuid FROM jsonb_array_elements(p_jobs) s);
  v_seq := COALESCE((SELECT max(e.seq) FROM job_events e WHERE e.office_id = p_office), 0);
  INSERT INTO job_events (office_id, seq, type, task_id, job_id, job_key, role, "timestamp", details)
  SELECT p_office, v_seq + row_number() OVER (ORDER BY k.n, i.n), k.type, j.task_id, j.id, j.key, j.role, v_now,
    CASE k.n WHEN 1 THEN jsonb_build_object('title', j.title, 'priority', j.priority, 'depends_on', to_jsonb(j.depends_on)) ELSE '{}' END
  FROM unnest(v_ids) WITH ORDINALITY AS i(id, n)
  JOIN job_queue j ON j.id = i.id
  JOIN (VALUES (1, 'job_created'), (2, 'job_ready')) AS k(n, type) ON k.n = 1 OR j.status = 'ready';

  v_ids := ARRAY(SELECT i.id FROM unnest(v_ids) AS i(id) JOIN job_queue j ON j.id = i.id WHERE j.depends_on <> '{}');
  IF v_ids = '{}' THEN
    RETURN;
  END IF;
  PERFORM record_edges(v_ids);
  PERFORM activate_jobs(v_ids, v_now);

  -- A job may depend on one that has come to a bad end already.
  v_broken := ARRAY(
    SELECT DISTINCT d.depends_on_id FROM unnest(v_ids) AS i(id)
    JOIN job_dependencies d ON d.job_id = i.id JOIN job_queue j ON j.id = d.depends_on_id
    WHERE j.status IN ('failed', 'timeout', 'cancelled')
  );
  IF v_broken <> '{}' THEN
    PERFORM cancel_dependents(v_broken, v_now);
  END IF;
END $$;
