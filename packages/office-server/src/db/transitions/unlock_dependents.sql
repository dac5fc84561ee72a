-- Counts finished jobs off their dependents, and makes ready those that wait for nothing more: their events are returned.
-- The cost is per edge: the edge table is indexed by the job depended on. An edge that another program drew to another
-- office counts for nothing (`<@`, since no index serves that, and the one of ids is to be taken).
CREATE OR REPLACE FUNCTION unlock_dependents(p_offices uuid[], p_done uuid[], p_now timestamptz) RETURNS job_events[] LANGUAGE plpgsql AS $$
DECLARE
  v_edges uuid[];
  -- {dependent: how many of the finished jobs it depends on}
  v_met jsonb;
  v_events job_events[];
BEGIN
  v_edges := ARRAY(SELECT d.job_id FROM job_dependencies d WHERE d.depends_on_id = ANY (p_done));
  IF v_edges = '{}' THEN
    RETURN '{}';
  END IF;
  SELECT jsonb_object_agg(e.job_id, e.n) INTO v_met
  FROM (SELECT d.job_id, count(*) AS n FROM unnest(v_edges) AS d(job_id) GROUP BY d.job_id) e;
  WITH unlocked AS (
    UPDATE job_queue j SET
      unmet_count = j.unmet_count - (v_met ->> j.id::text)::integer,
      status = CASE WHEN j.status = 'pending' AND j.unmet_count = (v_met ->> j.id::text)::integer
        AND (j.run_at IS NULL OR j.run_at <= p_now) THEN 'ready' ELSE j.status END,
      ready_at = CASE WHEN j.status = 'pending' AND j.unmet_count = (v_met ->> j.id::text)::integer
        AND (j.run_at IS NULL OR j.run_at <= p_now) THEN p_now ELSE j.ready_at END,
      run_at = CASE WHEN j.run_at > p_now THEN j.run_at
        WHEN j.unmet_count = (v_met ->> j.id::text)::integer THEN NULL ELSE j.run_at END
    WHERE j.id = ANY (v_edges) AND j.admitted AND ARRAY[j.office_id] <@ p_offices
    RETURNING j.id, j.office_id, j.task_id, j.key, j.role, j.priority, j.ready_at
  )
  SELECT array_agg(ROW(
    u.office_id, NULL, 'job_ready', u.task_id, u.id, u.key, u.role, NULL, NULL, p_now, '{}'
  )::job_events ORDER BY u.priority, u.id) INTO v_events
  FROM unlocked u WHERE u.ready_at = p_now;
  RETURN COALESCE(v_events, '{}');
END $$;
