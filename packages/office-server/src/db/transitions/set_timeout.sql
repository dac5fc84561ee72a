-- Changes how long a job's sessions may run, that of a running one included: its worker is to be told. Returns the state in
-- which the job was found, null where there is no such job. One that has ended stays as it is.
CREATE OR REPLACE FUNCTION set_timeout(p_office uuid, p_job uuid, p_timeout_ms bigint) RETURNS text LANGUAGE plpgsql
  SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
DECLARE
  v_job record;
BEGIN
  PERFORM lock_offices(ARRAY[p_office]);
  SELECT j.status, j.attempt INTO v_job FROM job_queue j WHERE j.id = p_job AND j.office_id = p_office FOR NO KEY UPDATE;
  IF v_job.status IN ('pending', 'ready', 'processing') THEN
    UPDATE job_queue j SET timeout_ms = p_timeout_ms WHERE j.id = p_job;
  END IF;
  IF v_job.status = 'processing' THEN
    UPDATE job_executions e SET timeout_ms = p_timeout_ms
    WHERE e.id = execution_id(p_job, v_job.attempt::integer) AND e.status = 'running' AND e.stop_cause IS NULL;
  END IF;
  RETURN v_job.status;
END $$;
