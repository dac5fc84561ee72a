-- The pass that most are: in one office, one session has ended well, and its slot goes on to one job at most, which is the one
-- that waited for it alone, or the next of the ready. It settles, unlocks, claims and logs in one statement, which takes little
-- more than half the time of the steps of run_pass; and a job that it unlocks is started without being written as ready first.
--
-- Returns what run_pass does; null where the pass is any other, and then it has locked the office and changed nothing. A property
-- test compares it with the steps: an office that limits a role is left to those.
CREATE OR REPLACE FUNCTION hand_on(p_office uuid, p_execution uuid, p_settlements jsonb, p_worker text, p_max integer, p_task uuid)
RETURNS json LANGUAGE plpgsql AS $$
DECLARE
  v_steps bigint := index_steps();
  v_end jsonb := jsonb_path_query_first(p_settlements, '$.*');
  v_office record;
  v_now timestamptz;
  v_found record;
  v_next uuid;
  v_pass json;
  v_whole boolean;
BEGIN
  -- As in lock_offices, and what is read of this row is as it is then.
  SELECT o.scheduler_config AS config, o.roles, o.max_concurrent_jobs AS slots, o.status INTO v_office
  FROM offices o WHERE o.id = p_office FOR NO KEY UPDATE;
  IF p_max <= 0 OR v_end ->> 'job_status' <> 'done' OR v_office.status IN ('paused', 'archived')
    OR v_office.config -> 'maxConcurrentByRole' <> '{}'
  THEN
    RETURN NULL;
  END IF;
  v_now := scheduler_now();
  -- Each look goes into an index, in its order: there is no plan that could go wrong.
  SELECT e.job_id, v_office.slots + 1 - (
      SELECT count(*) FROM job_executions x WHERE x.office_id = p_office AND x.ended_at IS NULL
    ) AS free,
    -- A dependent that cannot start here and now is a null.
    ARRAY(
      SELECT CASE WHEN j.status = 'pending' AND j.unmet_count = 1 AND j.run_at IS NULL AND j.admitted
        AND j.office_id = p_office AND (p_task IS NULL OR j.task_id = p_task) THEN j.id END
      FROM job_dependencies d CROSS JOIN LATERAL (SELECT x.* FROM job_queue x WHERE x.id = d.job_id OFFSET 0) j
      WHERE d.depends_on_id = e.job_id LIMIT 2
    ) AS dependents,
    ARRAY(
      SELECT j.id FROM job_queue j
      WHERE j.office_id = p_office AND j.ready_at IS NOT NULL AND j.unmet_count = 0 AND (p_task IS NULL OR j.task_id = p_task)
      ORDER BY j.priority, j.created_at, j.id LIMIT 2
    ) AS ready,
    (
      SELECT j.run_at FROM job_queue j WHERE j.office_id = p_office AND j.run_at IS NOT NULL ORDER BY j.run_at LIMIT 1
    ) <= v_now AS has_due
  INTO v_found
  FROM job_executions e
  WHERE e.id = p_execution AND e.office_id = p_office AND e.fencing_token = (v_end ->> 'fencing_token')::bigint
    AND e.status = 'running' AND e.stop_cause IS NULL
    -- Here, since then nothing above is looked at: there is a checkpoint where these looks take long.
    AND (
      SELECT k.looked_at BETWEEN v_now - interval '10 s' AND v_now
      FROM office_checkpoints k WHERE k.office_id = p_office ORDER BY k.seq DESC LIMIT 1
    ) IS NOT TRUE;
  -- No slot, several jobs for it, one that is still to wait, or so many dead entries that claim_jobs had better take note.
  IF NOT FOUND OR v_found.has_due OR v_found.free < 1
    OR cardinality(v_found.dependents) + LEAST(cardinality(v_found.ready), v_found.free, p_max) > 1
    OR v_found.dependents = ARRAY[NULL::uuid]
    OR index_steps() - v_steps > dead_steps_max(1, LEAST(v_office.slots, 1000))
  THEN
    RETURN NULL;
  END IF;
  v_next := COALESCE(v_found.dependents[1], v_found.ready[1]);

  WITH finished AS (
    UPDATE job_queue j SET status = 'done', completed_at = v_now, result = v_end -> 'result'
    WHERE j.id = v_found.job_id AND j.status = 'processing'
    RETURNING j.id, j.task_id, j.key, j.role, j.attempt
  ), ended AS (
    UPDATE job_executions e SET
      status = v_end ->> 'execution_status', ended_at = v_now, exit_code = (v_end ->> 'exit_code')::integer
    WHERE e.id = (SELECT p_execution FROM finished) AND e.status = 'running'
      AND e.fencing_token = (v_end ->> 'fencing_token')::bigint
    RETURNING 1
  ), started AS (
    UPDATE job_queue j SET
      status = 'processing', unmet_count = 0, attempt = j.attempt + 1, ready_at = NULL, started_at = v_now, completed_at = NULL,
      error_class = NULL, error_message = NULL
    WHERE j.id = (SELECT v_next FROM finished) AND j.unmet_count = cardinality(v_found.dependents)
      AND j.status = CASE v_found.dependents WHEN '{}' THEN 'ready' ELSE 'pending' END
      AND j.office_id = p_office AND j.admitted AND j.run_at IS NULL
    -- The columns are those of a ClaimedJob.
    RETURNING execution_id(j.id, j.attempt::integer) AS execution_id, nextval('fencing_token')::text AS fencing_token, j.office_id,
      j.task_id, j.id AS job_id, j.key, j.role, j.attempt, j.title, j.description,
      session_of(j.session, v_office.roles -> j.role::text) AS session,
      COALESCE(j.timeout_ms, (v_office.config -> 'timeoutByRole' ->> j.role::text)::bigint,
        (v_office.config ->> 'defaultTimeout')::bigint) AS timeout_ms,
      j.retry_count, COALESCE(j.max_retries::integer, (v_office.config ->> 'maxRetries')::integer) AS max_retries
  ), recorded AS (
    INSERT INTO job_executions (id, job_id, office_id, role, attempt, worker_id, fencing_token, timeout_ms, started_at, lease_ms, lease_until)
    SELECT s.execution_id, s.job_id, s.office_id, s.role, s.attempt, p_worker, s.fencing_token::bigint, s.timeout_ms, v_now,
      lease_ms_of(s.session), v_now + lease_ms_of(s.session) * interval '1 ms'
    FROM started s
  ), logged AS (
    INSERT INTO job_events (office_id, seq, type, task_id, job_id, job_key, role, execution_id, attempt, "timestamp", details)
    SELECT p_office, n + COALESCE((
        SELECT l.seq FROM job_events l WHERE l.office_id = p_office ORDER BY l.seq DESC LIMIT 1
      ), 0), w.type, w.task_id, w.job_id, w.key, w.role, w.execution_id, w.attempt, v_now, w.details
    FROM (
      SELECT 1 AS n, 'job_completed' AS type, f.task_id, f.id AS job_id, f.key, f.role, p_execution AS execution_id, f.attempt,
        v_end -> 'details' AS details
      FROM finished f
      UNION ALL
      SELECT 2, 'job_ready', s.task_id, s.job_id, s.key, s.role, NULL, NULL, '{}' FROM started s WHERE v_found.dependents <> '{}'
      UNION ALL
      SELECT 2 + cardinality(v_found.dependents), 'job_started', s.task_id, s.job_id, s.key, s.role, s.execution_id, s.attempt,
        jsonb_build_object('timeout_ms', s.timeout_ms)
      FROM started s
    ) w
  )
  SELECT json_build_object(
    'settled', ARRAY[p_execution], 'activated', cardinality(v_found.dependents),
    'claimed', (SELECT COALESCE(json_agg(s), '[]') FROM started s),
    'configs', CASE WHEN v_next IS NULL THEN '{}' ELSE json_build_object(p_office, v_office.config) END
  ), EXISTS (SELECT 1 FROM ended) AND (v_next IS NULL OR EXISTS (SELECT 1 FROM started)) INTO v_pass, v_whole FROM finished;
  -- Another program takes no office's lock, and may have changed a row since it was looked at: all or nothing.
  IF NOT v_whole THEN
    RAISE EXCEPTION 'job % or % was just changed by another program', v_found.job_id, v_next USING ERRCODE = 'serialization_failure';
  END IF;
  RETURN v_pass;
END $$;
