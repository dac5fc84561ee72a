-- Deletes those of p_jobs that may be (expired_jobs), with their executions, output and edges (delete_job_rows), and the
-- tasks that are left without jobs. Returns how many jobs; null when another process is deleting.
CREATE OR REPLACE FUNCTION delete_expired_jobs(p_office uuid, p_before timestamptz, p_jobs uuid[]) RETURNS integer LANGUAGE plpgsql
  SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET jit = off SET enable_seqscan = off
  SET enable_hashjoin = off SET enable_mergejoin = off SET enable_bitmapscan = off SET enable_memoize = off
AS $$
DECLARE
  v_jobs uuid[];
  v_tasks uuid[];
  v_deleted integer;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtext('office retention'), hashtext(current_schema())) THEN
    RETURN NULL;
  END IF;
  PERFORM lock_offices(ARRAY[p_office]);
  -- What has not been counted yet cannot be taken off the counts.
  PERFORM count_jobs(p_office);
  v_jobs := expired_jobs(p_office, p_before, p_jobs);
  WITH gone AS (
    DELETE FROM job_queue j WHERE j.id = ANY (v_jobs) RETURNING j.task_id
  )
  SELECT count(*), array_agg(DISTINCT g.task_id) INTO v_deleted, v_tasks FROM gone g;
  DELETE FROM job_tasks t WHERE t.id = ANY (v_tasks) AND t.office_id = p_office AND NOT EXISTS (
    SELECT 1 FROM job_queue j WHERE j.office_id = t.office_id AND j.created_at = t.created_at AND j.task_id = t.id
  );
  RETURN v_deleted;
END $$;
