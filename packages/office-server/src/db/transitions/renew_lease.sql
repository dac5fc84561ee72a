-- An external session says that it is alive. Once it has been asked to stop, its lease is not renewed any more: its slot is
-- held no longer than that. Returns nothing for an execution that has ended, or is none of these.
CREATE OR REPLACE FUNCTION renew_lease(p_execution uuid) RETURNS TABLE (until timestamptz, stop text) LANGUAGE plpgsql
  SET search_path FROM CURRENT
AS $$
BEGIN
  RETURN QUERY UPDATE job_executions e SET
    lease_until = CASE WHEN e.stop_cause IS NULL THEN scheduler_now() + e.lease_ms * interval '1 ms' ELSE e.lease_until END
  WHERE e.id = p_execution AND e.status = 'running' AND e.lease_ms IS NOT NULL
  RETURNING e.lease_until, e.stop_cause::text;
END $$;
