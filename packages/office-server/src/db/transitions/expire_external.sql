-- External sessions of an office: those past their deadline are asked to stop, and those whose silence has lasted longer than
-- their lease are returned, locked: the caller settles them in the same transaction. The office must be locked.
CREATE OR REPLACE FUNCTION expire_external(p_office uuid) RETURNS SETOF job_executions LANGUAGE plpgsql
  SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
DECLARE
  v_now timestamptz := scheduler_now();
BEGIN
  UPDATE job_executions e SET stop_cause = 'timeout'
  WHERE e.office_id = p_office AND e.lease_ms IS NOT NULL AND e.ended_at IS NULL AND e.stop_cause IS NULL
    AND e.started_at + e.timeout_ms * interval '1 ms' <= v_now;
  RETURN QUERY SELECT e.* FROM job_executions e
  WHERE e.office_id = p_office AND e.lease_ms IS NOT NULL AND e.ended_at IS NULL AND e.lease_until <= v_now FOR UPDATE;
END $$;
