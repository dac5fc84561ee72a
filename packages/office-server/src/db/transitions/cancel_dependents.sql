-- Cancels everything that waits, directly or not, for jobs that came to a bad end; in offices that say
-- onDependencyFailure "block" it leaves them waiting. Each cancelled job remembers the dependency that cancelled
-- it (`caused_by`), which is how an explicit retry finds it again. The walk is bounded by the number of edges, and
-- stays within an office: another one is not locked, and what depends on a job elsewhere has failed for that.
CREATE OR REPLACE FUNCTION cancel_dependents(p_broken uuid[], p_now timestamptz) RETURNS uuid[] LANGUAGE plpgsql
  SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET jit = off SET enable_seqscan = off
  SET enable_hashjoin = off SET enable_mergejoin = off SET enable_bitmapscan = off SET enable_memoize = off
AS $$
DECLARE
  v_cancelled uuid[];
BEGIN
  -- Step by step along the edges, and from each to its job by id: a join would also let the planner look for the jobs by
  -- their office (`<@` instead of `=` for the same reason).
  WITH RECURSIVE downstream (id, cause) AS (
    SELECT j.id, f.id
    FROM unnest(p_broken) AS f(id)
    CROSS JOIN LATERAL (SELECT x.office_id FROM job_queue x WHERE x.id = f.id LIMIT 1) b
    CROSS JOIN LATERAL (SELECT x.scheduler_config AS config FROM offices x WHERE x.id = b.office_id LIMIT 1) o
    CROSS JOIN LATERAL (SELECT x.job_id FROM job_dependencies x WHERE x.depends_on_id = f.id OFFSET 0) d
    CROSS JOIN LATERAL (
      SELECT x.id FROM job_queue x
      WHERE x.id = d.job_id AND ARRAY[x.office_id] <@ ARRAY[b.office_id] AND x.status IN ('pending', 'ready') LIMIT 1
    ) j
    WHERE o.config ->> 'onDependencyFailure' = 'cancel'
    UNION
    SELECT j.id, w.id
    FROM downstream w
    CROSS JOIN LATERAL (SELECT x.office_id FROM job_queue x WHERE x.id = w.id LIMIT 1) b
    CROSS JOIN LATERAL (SELECT x.job_id FROM job_dependencies x WHERE x.depends_on_id = w.id OFFSET 0) d
    CROSS JOIN LATERAL (
      SELECT x.id FROM job_queue x
      WHERE x.id = d.job_id AND ARRAY[x.office_id] <@ ARRAY[b.office_id] AND x.status IN ('pending', 'ready') LIMIT 1
    ) j
  ), chosen AS MATERIALIZED (
    SELECT DISTINCT ON (w.id) w.id, w.cause, c.key AS cause_key,
      format('it depends on %s, which ended %s', COALESCE(c.key, c.id::text),
        CASE WHEN c.status IN ('pending', 'ready') THEN 'cancelled' ELSE c.status END) AS message
    FROM downstream w JOIN job_queue c ON c.id = w.cause
    ORDER BY w.id, w.cause
  ), cancelled AS (
    UPDATE job_queue j SET
      status = 'cancelled', cancelled_at = p_now, run_at = NULL, ready_at = NULL, caused_by = c.cause,
      error_class = 'DEPENDENCY_FAILED', error_message = c.message
    FROM chosen c
    WHERE j.id = c.id AND j.status IN ('pending', 'ready')
    RETURNING j.id, j.office_id, j.task_id, j.key, j.role, c.cause, c.cause_key, c.message
  ), logged AS (
    INSERT INTO job_events (office_id, seq, type, task_id, job_id, job_key, role, "timestamp", details)
    SELECT k.office_id, k.n + max(CASE WHEN k.n = 1 THEN (
        SELECT COALESCE(max(e.seq), 0) FROM job_events e WHERE e.office_id = k.office_id
      ) END) OVER (PARTITION BY k.office_id),
      'job_cancelled', k.task_id, k.id, k.key, k.role, p_now,
      jsonb_build_object('error_class', 'DEPENDENCY_FAILED', 'message', k.message, 'caused_by', k.cause, 'caused_by_key', k.cause_key)
    FROM (SELECT x.*, row_number() OVER (PARTITION BY x.office_id ORDER BY x.id) AS n FROM cancelled x) k
  )
  SELECT array_agg(k.id) INTO v_cancelled FROM cancelled k;
  RETURN COALESCE(v_cancelled, '{}');
END $$;
