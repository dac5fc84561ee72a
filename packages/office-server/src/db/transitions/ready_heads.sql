-- The jobs of an office with limited roles that come next, as many as there are free slots: in order of priority, created_at
-- and id, within the limits. Reads only the heads of the index of ready jobs, so that neither a long backlog nor a full
-- role costs anything. A ready job whose dependency is being done anew (retry_jobs) is ready still, and waits.
CREATE OR REPLACE FUNCTION ready_heads(p_office uuid, p_free integer, p_role_limits jsonb, p_task uuid) RETURNS tid[]
LANGUAGE plpgsql AS $$
DECLARE
  v_role text;
  v_role_free integer;
  v_heads job_head[] := '{}';
BEGIN
  -- The roles that have ready jobs, each found by one look at the index; of each as many jobs as it may start.
  SELECT j.role INTO v_role FROM job_queue j WHERE j.office_id = p_office AND j.ready_at IS NOT NULL ORDER BY j.role LIMIT 1;
  WHILE v_role IS NOT NULL LOOP
    v_role_free := p_free;
    IF p_role_limits ? v_role THEN
      SELECT LEAST(p_free, (p_role_limits ->> v_role)::integer - count(*)) INTO v_role_free
      FROM job_executions e WHERE e.office_id = p_office AND e.ended_at IS NULL AND e.role = v_role;
    END IF;
    IF v_role_free > 0 THEN
      v_heads := v_heads || ARRAY(
        SELECT ROW(j.priority, j.created_at, j.id, j.ctid)::job_head FROM job_queue j
        WHERE j.office_id = p_office AND j.role = v_role AND j.ready_at IS NOT NULL AND j.unmet_count = 0
        AND (p_task IS NULL OR j.task_id = p_task)
        ORDER BY j.priority, j.created_at, j.id LIMIT v_role_free
      );
    END IF;
    SELECT j.role INTO v_role FROM job_queue j
    WHERE j.office_id = p_office AND j.ready_at IS NOT NULL AND j.role > v_role ORDER BY j.role LIMIT 1;
  END LOOP;
  RETURN ARRAY(SELECT h.place FROM unnest(v_heads) h ORDER BY h.priority, h.created_at, h.id LIMIT p_free);
END $$;
