-- Starts executions for the jobs that may run now. The offices must be locked.
--
-- p_max bounds the whole claim (the worker's free capacity; null: none). p_task, when given, confines it to one task.
-- Returns what each session needs (see ClaimedJob in runPass.ts), the settings of their offices, and the events.
CREATE OR REPLACE FUNCTION claim_jobs(
  p_offices uuid[], p_worker text, p_max integer, p_task uuid, p_now timestamptz,
  OUT events job_events[], OUT claimed json, OUT configs jsonb
) LANGUAGE plpgsql AS $$
DECLARE
  v_office record;
  v_heads tid[] := '{}';
  v_roles jsonb;
  v_job record;
  v_timeout_ms bigint;
  v_session jsonb;
BEGIN
  FOR v_office IN
    SELECT o.id, o.scheduler_config AS config, o.roles, o.max_concurrent_jobs - (
        SELECT count(*) FROM job_executions e WHERE e.office_id = o.id AND e.ended_at IS NULL
      ) AS free
    FROM offices o WHERE o.id = ANY (p_offices) AND o.status NOT IN ('paused', 'archived')
  LOOP
    IF v_office.free > 0 THEN
      v_heads := v_heads || ready_heads(
        v_office.id, LEAST(v_office.free, p_max - cardinality(v_heads))::integer, v_office.config -> 'maxConcurrentByRole', p_task
      );
    END IF;
  END LOOP;
  IF v_heads = '{}' THEN
    events := '{}';
    claimed := '[]';
    configs := '{}';
    RETURN;
  END IF;
  IF cardinality(p_offices) = 1 THEN
    configs := jsonb_build_object(p_offices[1], v_office.config);
    v_roles := jsonb_build_object(p_offices[1], v_office.roles);
  ELSE
    SELECT jsonb_object_agg(o.id, o.scheduler_config), jsonb_object_agg(o.id, o.roles) INTO configs, v_roles
    FROM offices o WHERE o.id = ANY (p_offices);
  END IF;

  -- One job starts: the usual case, as in settle_executions.
  IF cardinality(v_heads) = 1 THEN
    UPDATE job_queue j SET
      status = 'processing', attempt = j.attempt + 1, ready_at = NULL, started_at = p_now, completed_at = NULL,
      error_class = NULL, error_message = NULL
    WHERE j.ctid = v_heads[1] AND j.status = 'ready'
    RETURNING j.id, j.office_id, j.task_id, j.key, j.role, j.attempt, j.title, j.description, j.session, j.retry_count,
      j.max_retries, j.timeout_ms, execution_id(j.id, j.attempt::integer) AS execution_id,
      nextval('fencing_token') AS fencing_token INTO v_job;
    IF NOT FOUND THEN
      events := '{}';
      claimed := '[]';
      RETURN;
    END IF;
    v_timeout_ms := COALESCE(v_job.timeout_ms,
      (configs -> v_job.office_id::text -> 'timeoutByRole' ->> v_job.role::text)::bigint,
      (configs -> v_job.office_id::text ->> 'defaultTimeout')::bigint);
    v_session := session_of(v_job.session, v_roles -> v_job.office_id::text -> v_job.role::text);
    INSERT INTO job_executions (id, job_id, office_id, role, attempt, worker_id, fencing_token, timeout_ms, started_at, lease_ms, lease_until)
    VALUES (v_job.execution_id, v_job.id, v_job.office_id, v_job.role, v_job.attempt, p_worker, v_job.fencing_token,
      v_timeout_ms, p_now, lease_ms_of(v_session), p_now + lease_ms_of(v_session) * interval '1 ms');
    events := ARRAY[ROW(
      v_job.office_id, NULL, 'job_started', v_job.task_id, v_job.id, v_job.key, v_job.role, v_job.execution_id, v_job.attempt,
      p_now, jsonb_build_object('timeout_ms', v_timeout_ms)
    )::job_events];
    claimed := json_build_array(json_build_object(
      'execution_id', v_job.execution_id, 'fencing_token', v_job.fencing_token::text, 'office_id', v_job.office_id,
      'task_id', v_job.task_id, 'job_id', v_job.id, 'key', v_job.key, 'role', v_job.role, 'attempt', v_job.attempt,
      'title', v_job.title, 'description', v_job.description,
      'session', v_session, 'timeout_ms', v_timeout_ms, 'retry_count', v_job.retry_count,
      'max_retries', COALESCE(v_job.max_retries::integer, (configs -> v_job.office_id::text ->> 'maxRetries')::integer)
    ));
    RETURN;
  END IF;

  WITH execution AS (
    UPDATE job_queue j SET
      status = 'processing', attempt = j.attempt + 1, ready_at = NULL, started_at = p_now, completed_at = NULL,
      error_class = NULL, error_message = NULL
    WHERE j.ctid = ANY (v_heads) AND j.status = 'ready'
    RETURNING j.id, j.office_id, j.task_id, j.key, j.role, j.attempt, j.title, j.description, j.session, j.retry_count,
      j.max_retries, j.priority, j.created_at,
      execution_id(j.id, j.attempt::integer) AS execution_id, nextval('fencing_token') AS fencing_token,
      COALESCE(j.timeout_ms, (configs -> j.office_id::text -> 'timeoutByRole' ->> j.role::text)::bigint,
        (configs -> j.office_id::text ->> 'defaultTimeout')::bigint) AS timeout_ms,
      session_of(j.session, v_roles -> j.office_id::text -> j.role::text) AS how
  ), recorded AS (
    INSERT INTO job_executions (id, job_id, office_id, role, attempt, worker_id, fencing_token, timeout_ms, started_at, lease_ms, lease_until)
    SELECT x.execution_id, x.id, x.office_id, x.role, x.attempt, p_worker, x.fencing_token, x.timeout_ms, p_now,
      lease_ms_of(x.how), p_now + lease_ms_of(x.how) * interval '1 ms'
    FROM execution x
  )
  SELECT
    COALESCE(array_agg(ROW(
      x.office_id, NULL, 'job_started', x.task_id, x.id, x.key, x.role, x.execution_id, x.attempt, p_now,
      jsonb_build_object('timeout_ms', x.timeout_ms)
    )::job_events ORDER BY x.priority, x.created_at, x.id), '{}'),
    COALESCE(json_agg(json_build_object(
      'execution_id', x.execution_id, 'fencing_token', x.fencing_token::text, 'office_id', x.office_id,
      'task_id', x.task_id, 'job_id', x.id, 'key', x.key, 'role', x.role, 'attempt', x.attempt, 'title', x.title,
      'description', x.description, 'session', x.how,
      'timeout_ms', x.timeout_ms, 'retry_count', x.retry_count,
      'max_retries', COALESCE(x.max_retries::integer, (configs -> x.office_id::text ->> 'maxRetries')::integer)
    ) ORDER BY x.priority, x.created_at, x.id), '[]')
  INTO events, claimed
  FROM execution x;
END $$;
