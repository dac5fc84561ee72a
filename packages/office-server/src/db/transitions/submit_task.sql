-- Stores one task: its jobs and their edges, all or nothing. The caller has checked the graph of the request
-- (keys, cycles, no dependency twice); dependencies on jobs that exist already must be in the same office.
--
-- p_jobs: [{id, key, role, title, description, session, priority, timeout_ms, max_retries, agent_id, worktree_id, branch_name,
--   metadata, depends_on: [id]}]
-- Returns when they were created; null where the office is archived or gone, and nothing was stored.
--
-- Each row is written once, as it is to be, and none is read again: what is known of a job is in the parameter.
CREATE OR REPLACE FUNCTION submit_task(p_office uuid, p_task uuid, p_title text, p_plan_path text, p_jobs jsonb) RETURNS timestamptz LANGUAGE plpgsql
  SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET jit = off SET enable_seqscan = off
  SET enable_hashjoin = off SET enable_mergejoin = off SET enable_bitmapscan = off SET enable_memoize = off
AS $$
DECLARE
  v_now timestamptz;
  v_seq bigint;
  -- Of the jobs from before that these depend on: those that are done, as {id: true}, and those that came to a bad end.
  v_done jsonb := '{}';
  v_broken uuid[] := '{}';
BEGIN
  PERFORM lock_offices(ARRAY[p_office]);
  PERFORM 1 FROM offices o WHERE o.id = p_office AND o.status <> 'archived';
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  v_now := scheduler_now();

  SELECT COALESCE(jsonb_object_agg(j.id, true) FILTER (WHERE j.status = 'done'), '{}'),
    COALESCE(array_agg(j.id) FILTER (WHERE j.status IN ('failed', 'timeout', 'cancelled')), '{}')
  INTO v_done, v_broken
  FROM (
    SELECT d.id::uuid AS id FROM jsonb_array_elements(p_jobs) s CROSS JOIN jsonb_array_elements_text(s -> 'depends_on') AS d(id)
    EXCEPT SELECT (s ->> 'id')::uuid FROM jsonb_array_elements(p_jobs) s
  ) d CROSS JOIN LATERAL (SELECT x.id, x.status FROM job_queue x WHERE x.id = d.id AND x.office_id = p_office LIMIT 1) j;

  -- The jobs share the task's created_at: that is how a task's jobs are found (job_queue_by_office).
  INSERT INTO job_tasks (id, office_id, title, plan_path, created_at) VALUES (p_task, p_office, p_title, p_plan_path, v_now);
  v_seq := COALESCE((SELECT e.seq FROM job_events e WHERE e.office_id = p_office ORDER BY e.seq DESC LIMIT 1), 0);
  WITH job AS MATERIALIZED (
    SELECT s.*, CASE WHEN v_done = '{}' THEN cardinality(s.depends_on) ELSE (
        SELECT count(*)::integer FROM unnest(s.depends_on) AS d(id) WHERE NOT v_done ? d.id::text
      ) END AS unmet
    FROM ROWS FROM (jsonb_to_recordset(p_jobs) AS (id uuid, key text, role text, title text, description text, session jsonb,
      priority integer, timeout_ms bigint, max_retries integer, agent_id uuid, worktree_id uuid, branch_name text, metadata jsonb,
      depends_on uuid[])) WITH ORDINALITY AS s(id, key, role, title, description, session, priority, timeout_ms, max_retries,
      agent_id, worktree_id, branch_name, metadata, depends_on, n)
  ), stored AS (
    INSERT INTO job_queue (id, office_id, task_id, key, role, title, description, session, priority, timeout_ms, max_retries,
      agent_id, worktree_id, branch_name, metadata, depends_on, unmet_count, admitted, created_at, status, ready_at)
    SELECT s.id, p_office, p_task, s.key, s.role, s.title, s.description, s.session, s.priority, s.timeout_ms, s.max_retries,
      s.agent_id, s.worktree_id, s.branch_name, s.metadata, s.depends_on, s.unmet, true, v_now,
      CASE s.unmet WHEN 0 THEN 'ready' ELSE 'pending' END, CASE s.unmet WHEN 0 THEN v_now END
    FROM job s
  ), edges AS (
    INSERT INTO job_dependencies (job_id, depends_on_id) SELECT s.id, d.id FROM job s CROSS JOIN unnest(s.depends_on) AS d(id)
  )
  INSERT INTO job_events (office_id, seq, type, task_id, job_id, job_key, role, "timestamp", details)
  SELECT p_office, v_seq + s.n, 'job_created', p_task, s.id, s.key, s.role, v_now,
    jsonb_build_object('title', s.title, 'priority', s.priority, 'depends_on', to_jsonb(s.depends_on))
  FROM job s
  UNION ALL
  SELECT p_office, v_seq + jsonb_array_length(p_jobs) + row_number() OVER (ORDER BY s.n), 'job_ready', p_task, s.id, s.key, s.role, v_now, '{}'
  FROM job s WHERE s.unmet = 0;

  -- A job may depend on one that has come to a bad end already.
  IF v_broken <> '{}' THEN
    PERFORM cancel_dependents(v_broken, v_now);
  END IF;
  RETURN v_now;
END $$;
