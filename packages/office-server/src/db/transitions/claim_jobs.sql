-- Starts executions for the jobs that may run now. The offices must be locked.
--
-- p_max bounds the whole claim (the worker's free capacity; null: none). p_task, when given, confines it to one task.
-- p_unlocked: the events of jobs that became ready in this pass and are in no log yet.
-- Returns what each session needs (see ClaimedJob in runPass.ts), the settings of their offices, and the events.
CREATE OR REPLACE FUNCTION claim_jobs(
  p_offices uuid[], p_worker text, p_max integer, p_task uuid, p_now timestamptz, p_unlocked job_events[],
  OUT events job_events[], OUT claimed json, OUT configs json
) LANGUAGE plpgsql AS $$
DECLARE
  v_steps bigint := index_steps();
  v_office record;
  v_whole uuid[] := '{}';
  v_slots bigint := 0;
  v_heads tid[] := '{}';
BEGIN
  events := '{}';
  claimed := '[]';
  configs := '{}';
  FOR v_office IN
    SELECT o.id, o.scheduler_config AS config, o.roles, k.looked_at IS NOT NULL AS checked, l.live, o.max_concurrent_jobs AS slots, f.free,
      -- Where roles are limited, or there is a checkpoint, ready_heads looks.
      CASE WHEN l.live IS NULL THEN ARRAY(
        SELECT j.ctid FROM job_queue j
        WHERE j.office_id = o.id AND j.ready_at IS NOT NULL AND j.unmet_count = 0
          AND (p_task IS NULL OR j.task_id = p_task)
        ORDER BY j.priority, j.created_at, j.id LIMIT f.free
      ) END AS heads
    FROM offices o
    LEFT JOIN LATERAL (
      SELECT c.looked_at FROM office_checkpoints c WHERE c.office_id = o.id ORDER BY c.seq DESC LIMIT 1
    ) k ON k.looked_at BETWEEN p_now - interval '10 s' AND p_now
    CROSS JOIN LATERAL (
      SELECT CASE WHEN k.looked_at IS NOT NULL OR o.scheduler_config -> 'maxConcurrentByRole' <> '{}'
        THEN live_executions(o.id, p_now) END AS live OFFSET 0
    ) l
    CROSS JOIN LATERAL (
      SELECT GREATEST(LEAST(o.max_concurrent_jobs - CASE WHEN l.live IS NULL
          THEN (SELECT count(*) FROM job_executions e WHERE e.office_id = o.id AND e.ended_at IS NULL)
          ELSE cardinality(l.live) END, p_max), 0)::integer AS free OFFSET 0
    ) f
    WHERE o.id = ANY (p_offices) AND o.status NOT IN ('paused', 'archived')
  LOOP
    IF v_office.checked THEN
      v_heads := v_heads || heads_since_checkpoint(v_office.id, v_office.free, v_office.config -> 'maxConcurrentByRole', p_task,
        v_office.live, p_unlocked, p_now);
      CONTINUE;
    END IF;
    v_whole := v_whole || v_office.id;
    v_slots := v_slots + LEAST(v_office.slots, 1000);
    IF v_office.free > 0 THEN
      v_heads := v_heads || COALESCE(v_office.heads, (ready_heads(
        v_office.id, v_office.free, v_office.config -> 'maxConcurrentByRole', p_task, v_office.live, NULL, NULL)).heads);
    END IF;
  END LOOP;
  IF v_whole <> '{}' AND index_steps() - v_steps > dead_steps_max(cardinality(v_whole), v_slots) THEN
    PERFORM write_checkpoint(i.id, p_now, live_executions(i.id, NULL), NULL, NULL) FROM unnest(v_whole) AS i(id);
  END IF;
  IF cardinality(v_heads) > p_max THEN
    v_heads := v_heads[1:p_max];
  END IF;
  IF v_heads = '{}' THEN
    RETURN;
  END IF;

  WITH claimed AS (
    UPDATE job_queue j SET
      status = 'processing', attempt = j.attempt + 1, ready_at = NULL, started_at = p_now, completed_at = NULL,
      error_class = NULL, error_message = NULL
    WHERE j.ctid = ANY (v_heads) AND j.status = 'ready'
    RETURNING j.id, j.office_id, j.task_id, j.key, j.role, j.attempt, j.title, j.description, j.session, j.retry_count,
      j.max_retries, j.timeout_ms, j.priority, j.created_at,
      execution_id(j.id, j.attempt::integer) AS execution_id, nextval('fencing_token') AS fencing_token
  ), execution AS MATERIALIZED (
    -- The columns are those of a ClaimedJob.
    SELECT c.execution_id, c.fencing_token::text, c.office_id, c.task_id, c.id AS job_id, c.key, c.role, c.attempt, c.title,
      c.description, session_of(c.session, o.how) AS session, COALESCE(c.timeout_ms, o.timeout_ms) AS timeout_ms,
      c.retry_count, COALESCE(c.max_retries::integer, o.max_retries) AS max_retries
    -- OFFSET 0: one look at an office for each job, and no other plan.
    FROM claimed c CROSS JOIN LATERAL (
      SELECT o.roles -> c.role::text AS how, (o.scheduler_config ->> 'maxRetries')::integer AS max_retries,
        COALESCE(o.scheduler_config -> 'timeoutByRole' ->> c.role::text, o.scheduler_config ->> 'defaultTimeout')::bigint AS timeout_ms
      FROM offices o WHERE o.id = c.office_id OFFSET 0
    ) o
    ORDER BY c.priority, c.created_at, c.id
  ), recorded AS (
    INSERT INTO job_executions (id, job_id, office_id, role, attempt, worker_id, fencing_token, timeout_ms, started_at, lease_ms, lease_until)
    SELECT x.execution_id, x.job_id, x.office_id, x.role, x.attempt, p_worker, x.fencing_token::bigint, x.timeout_ms, p_now,
      lease_ms_of(x.session), p_now + lease_ms_of(x.session) * interval '1 ms'
    FROM execution x
  )
  SELECT
    COALESCE(array_agg(ROW(
      x.office_id, NULL, 'job_started', x.task_id, x.job_id, x.key, x.role, x.execution_id, x.attempt, p_now,
      jsonb_build_object('timeout_ms', x.timeout_ms)
    )::job_events), '{}'),
    COALESCE(json_agg(x), '[]')
  INTO events, claimed
  FROM execution x;
  configs := (SELECT json_object_agg(o.id, o.scheduler_config) FROM offices o WHERE o.id = ANY (p_offices));
END $$;
