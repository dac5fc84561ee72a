-- Deletes the oldest events of an office, at most p_limit: those from before p_before that are counted, and delivered to
-- everybody who follows the log and is switched on. The newest stays, since the next one is numbered from it. Returns how
-- many; null when another process is deleting. Needs no office's lock: nothing that is read under it is touched.
CREATE OR REPLACE FUNCTION delete_expired_events(p_office uuid, p_before timestamptz, p_limit integer) RETURNS integer LANGUAGE plpgsql
  SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off
AS $$
DECLARE
  v_last bigint;
  v_before timestamptz;
  v_deleted integer;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtext('office retention'), hashtext(current_schema())) THEN
    RETURN NULL;
  END IF;
  PERFORM count_jobs(p_office);
  SELECT LEAST(max(e.seq) - 1, (SELECT c.seq FROM job_counts c WHERE c.office_id = p_office)) INTO v_last
  FROM job_events e WHERE e.office_id = p_office;
  -- One that follows the log and has no place in it yet begins with what came after itself.
  SELECT LEAST(v_last, min(u.seq)), LEAST(p_before, min(c.created_at) FILTER (WHERE u.seq IS NULL)) INTO v_last, v_before
  FROM scheduler_consumers c LEFT JOIN scheduler_cursors u ON u.consumer_id = c.id AND u.office_id = p_office
  WHERE c.enabled AND (c.office_id IS NULL OR c.office_id = p_office);
  DELETE FROM job_events e
  WHERE e.office_id = p_office AND e."timestamp" < v_before AND e.seq = ANY (ARRAY(
    SELECT x.seq FROM job_events x WHERE x.office_id = p_office AND x.seq <= v_last ORDER BY x.seq LIMIT p_limit
  ));
  GET DIAGNOSTICS v_deleted = ROW_COUNT;
  RETURN v_deleted;
END $$;
