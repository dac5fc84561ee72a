-- Gives live executions to another worker, which has found their sessions running: those that are still with the worker that
-- they are believed to be with. The token stays, since the session does. The offices must be locked. Returns what was given.
CREATE OR REPLACE FUNCTION take_over(p_executions uuid[], p_from text[], p_worker text) RETURNS SETOF uuid LANGUAGE plpgsql
  SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
BEGIN
  RETURN QUERY UPDATE job_executions e SET worker_id = p_worker
  FROM unnest(p_executions, p_from) AS i(id, worker_id)
  WHERE e.id = i.id AND e.worker_id = i.worker_id AND e.ended_at IS NULL
    AND EXISTS (SELECT 1 FROM scheduler_workers w WHERE w.id = p_worker AND w.lost_at IS NULL)
  RETURNING e.id;
END $$;
