-- Hands a job over to another role (null: the same), and to another agent where p_agent_given. A running one only with
-- p_requeue: then its session is to be stopped, and the job runs anew for its new assignee, without using a retry.
-- Returns the state in which it was found, null where there is no such job. One that has ended stays as it is.
CREATE OR REPLACE FUNCTION hand_over_job(
  p_office uuid, p_job uuid, p_role text, p_agent_given boolean, p_agent uuid, p_requeue boolean
) RETURNS text LANGUAGE plpgsql
  SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
DECLARE
  v_job record;
  v_role text;
  v_agent uuid;
BEGIN
  PERFORM lock_offices(ARRAY[p_office]);
  SELECT j.id, j.status, j.task_id, j.key, j.role, j.agent_id, j.attempt INTO v_job
  FROM job_queue j WHERE j.id = p_job AND j.office_id = p_office FOR NO KEY UPDATE;
  v_role := COALESCE(p_role, v_job.role);
  v_agent := CASE WHEN p_agent_given THEN p_agent ELSE v_job.agent_id END;
  IF v_job.status IN ('pending', 'ready') OR (v_job.status = 'processing' AND p_requeue) THEN
    IF v_job.status = 'processing' THEN
      UPDATE job_executions e SET stop_cause = 'interrupted'
      WHERE e.id = execution_id(p_job, v_job.attempt::integer) AND e.status = 'running' AND e.stop_cause IS NULL;
    ELSIF v_role = v_job.role AND v_agent IS NOT DISTINCT FROM v_job.agent_id THEN
      RETURN v_job.status;
    END IF;
    UPDATE job_queue j SET role = v_role, agent_id = v_agent WHERE j.id = p_job;
    PERFORM append_events(ARRAY[p_office], ARRAY[ROW(
      p_office, NULL, 'job_handed_over', v_job.task_id, v_job.id, v_job.key, v_role,
      CASE WHEN v_job.status = 'processing' THEN execution_id(p_job, v_job.attempt::integer) END,
      CASE WHEN v_job.status = 'processing' THEN v_job.attempt END, scheduler_now(),
      jsonb_build_object('from_role', v_job.role, 'to_role', v_role, 'from_agent', v_job.agent_id, 'to_agent', v_agent,
        'requeued', v_job.status = 'processing')
    )::job_events]);
  END IF;
  RETURN v_job.status;
END $$;
