-- Which of p_jobs may be deleted: they ended before p_before, and nothing that stays would miss them. A job that stays
-- keeps what it waits for, and what it would wait for again if it were retried: those of its dependencies that are not done.
CREATE OR REPLACE FUNCTION expired_jobs(p_office uuid, p_before timestamptz, p_jobs uuid[]) RETURNS uuid[] LANGUAGE sql STABLE
  SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET jit = off SET enable_seqscan = off
  SET enable_hashjoin = off SET enable_mergejoin = off SET enable_bitmapscan = off SET enable_memoize = off
AS $$
  WITH RECURSIVE reached (id) AS (
    SELECT i.id FROM unnest(p_jobs) AS i(id)
    UNION
    SELECT w.id FROM reached r
    JOIN job_queue j ON j.id = r.id JOIN job_dependencies d ON d.depends_on_id = j.id JOIN job_queue w ON w.id = d.job_id
    WHERE j.status <> 'done' OR w.status IN ('pending', 'ready', 'processing')
  ), stays (id) AS (
    SELECT j.id FROM reached r JOIN job_queue j ON j.id = r.id
    WHERE j.status IN ('pending', 'ready', 'processing') OR NOT j.admitted OR j.office_id <> p_office
      OR GREATEST(j.created_at, j.completed_at, j.cancelled_at) >= p_before
      OR EXISTS (
        SELECT 1 FROM generate_series(1, j.attempt) a JOIN job_executions e ON e.id = execution_id(j.id, a)
        WHERE e.ended_at IS NULL
      )
    UNION
    SELECT j.id FROM stays s
    JOIN job_queue w ON w.id = s.id JOIN job_dependencies d ON d.job_id = w.id JOIN job_queue j ON j.id = d.depends_on_id
    WHERE j.status <> 'done' OR w.status IN ('pending', 'ready', 'processing')
  )
  SELECT ARRAY(SELECT i.id FROM unnest(p_jobs) AS i(id) EXCEPT SELECT s.id FROM stays s)
$$;
