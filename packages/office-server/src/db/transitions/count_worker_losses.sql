-- The workers of some live executions are lost: counts that on their jobs. The offices must be locked.
CREATE OR REPLACE FUNCTION count_worker_losses(p_executions uuid[]) RETURNS TABLE (job_id uuid, losses integer) LANGUAGE plpgsql
  SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
BEGIN
  RETURN QUERY UPDATE job_queue j SET worker_losses = j.worker_losses + 1
  FROM job_executions e
  WHERE e.id = ANY (p_executions) AND e.ended_at IS NULL AND j.id = e.job_id AND j.status = 'processing'
  RETURNING j.id, j.worker_losses;
END $$;
