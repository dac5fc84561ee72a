-- Changes the priority of a job that waits. Returns the state in which it was found, null where there is no such job.
CREATE OR REPLACE FUNCTION set_priority(p_office uuid, p_job uuid, p_priority integer) RETURNS text LANGUAGE plpgsql
  SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
DECLARE
  v_job record;
BEGIN
  PERFORM lock_offices(ARRAY[p_office]);
  SELECT j.id, j.status, j.priority, j.task_id, j.key, j.role INTO v_job
  FROM job_queue j WHERE j.id = p_job AND j.office_id = p_office FOR NO KEY UPDATE;
  IF v_job.status IN ('pending', 'ready') AND v_job.priority <> p_priority THEN
    UPDATE job_queue j SET priority = p_priority WHERE j.id = p_job;
    PERFORM append_events(ARRAY[p_office], ARRAY[ROW(
      p_office, NULL, 'job_priority_changed', v_job.task_id, v_job.id, v_job.key, v_job.role, NULL, NULL, scheduler_now(),
      jsonb_build_object('from', v_job.priority, 'to', p_priority)
    )::job_events]);
  END IF;
  RETURN v_job.status;
END $$;
