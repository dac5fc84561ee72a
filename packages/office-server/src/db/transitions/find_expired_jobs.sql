-- Looks at the next p_limit jobs of an office, from the oldest on, behind a place (null: from the first). Returns those
-- that may be deleted, and the place of the last one that was looked at; null when there is none behind it that was
-- submitted before p_before, as all that ended before were. So a look costs what is old, and not what is there.
CREATE OR REPLACE FUNCTION find_expired_jobs(
  p_office uuid, p_before timestamptz, p_created_at timestamptz, p_id uuid, p_limit integer,
  OUT jobs uuid[], OUT last_created_at text, OUT last_id uuid
) LANGUAGE plpgsql STABLE
  SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off
AS $$
DECLARE
  v_looked_at integer;
BEGIN
  SELECT count(*), array_agg(x.id) FILTER (WHERE x.status IN ('done', 'failed', 'timeout', 'cancelled')),
    (array_agg(x.created_at ORDER BY x.created_at DESC, x.id DESC))[1]::text, (array_agg(x.id ORDER BY x.created_at DESC, x.id DESC))[1]
  INTO v_looked_at, jobs, last_created_at, last_id
  FROM (
    SELECT j.id, j.created_at, j.status FROM job_queue j
    WHERE j.office_id = p_office AND j.created_at < p_before
      AND (j.created_at, j.id) > (COALESCE(p_created_at, '-infinity'), COALESCE(p_id, '00000000-0000-0000-0000-000000000000'))
    ORDER BY j.created_at, j.id LIMIT p_limit
  ) x;
  jobs := CASE WHEN jobs IS NULL THEN '{}' ELSE expired_jobs(p_office, p_before, jobs) END;
END $$;
