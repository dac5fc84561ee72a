-- Ends executions as their sessions' outcomes say, and moves their jobs out of `processing`.
--
-- p_settlements: {job id: {execution_id, fencing_token, execution_status, job_status, details, and where there is any
--   retry_delay_ms, costs_retry, error_class, error_message, exit_code, result}}. A stale token changes nothing; a job that was cancelled
-- meanwhile stays cancelled and only its execution ends.
-- Returns the executions that it ended, the jobs that came to a good or a bad end, those that go on waiting for a job that
-- is being done anew, and the events.
--
-- Rows are found by `id = ANY` alone, here and in the next steps: no join, so no plan that could go wrong. What each row gets is
-- looked up in the parameter, once (OFFSET 0: as written).
CREATE OR REPLACE FUNCTION settle_executions(
  p_offices uuid[], p_executions uuid[], p_settlements jsonb, p_now timestamptz,
  OUT events job_events[], OUT settled uuid[], OUT done uuid[], OUT broken uuid[], OUT waiting uuid[]
) LANGUAGE plpgsql AS $$
DECLARE
  v_jobs uuid[];
BEGIN
  WITH ended AS (
    UPDATE job_executions e SET
      (status, exit_code, error_class, error_message) = (
        SELECT
          -- What was asked for first is what it was: a session that fails while being cancelled is cancelled.
          CASE WHEN e.stop_cause = 'cancelled' THEN 'cancelled' ELSE x.said ->> 'execution_status' END,
          (x.said ->> 'exit_code')::integer, x.said ->> 'error_class', x.said ->> 'error_message'
        FROM (SELECT p_settlements -> e.job_id::text AS said OFFSET 0) x
      ),
      ended_at = p_now
    WHERE e.id = ANY (p_executions)
      AND e.fencing_token = (p_settlements -> e.job_id::text ->> 'fencing_token')::bigint
      AND e.status = 'running' AND e.office_id = ANY (p_offices)
    RETURNING e.id, e.job_id
  )
  SELECT COALESCE(array_agg(e.id), '{}'), array_agg(e.job_id) INTO settled, v_jobs FROM ended e;

  -- A job that is processing has this execution as its live one: there is never another.
  WITH moved AS (
    UPDATE job_queue j SET
      (status, completed_at, cancelled_at, run_at, retry_count, error_class, error_message, result) = (
        SELECT
          x.said ->> 'job_status',
          CASE WHEN x.said ->> 'job_status' IN ('done', 'failed', 'timeout') THEN p_now END,
          CASE x.said ->> 'job_status' WHEN 'cancelled' THEN p_now END,
          CASE x.said ->> 'job_status' WHEN 'pending' THEN
            p_now + make_interval(secs => (x.said ->> 'retry_delay_ms')::bigint / 1000.0) END,
          j.retry_count + (x.said ? 'costs_retry')::integer, x.said ->> 'error_class', x.said ->> 'error_message', x.said -> 'result'
        FROM (SELECT p_settlements -> j.id::text AS said OFFSET 0) x
      )
    WHERE j.id = ANY (v_jobs) AND j.status = 'processing'
    RETURNING j.id, j.office_id, j.task_id, j.key, j.role, j.attempt, j.status, j.run_at, j.unmet_count,
      p_settlements -> j.id::text AS settlement
  )
  SELECT
    COALESCE(array_agg(m.id) FILTER (WHERE m.status = 'done'), '{}'),
    COALESCE(array_agg(m.id) FILTER (WHERE m.status IN ('failed', 'timeout', 'cancelled')), '{}'),
    COALESCE(array_agg(m.id) FILTER (WHERE m.status = 'pending' AND m.unmet_count > 0), '{}'),
    COALESCE(array_agg(ROW(
      m.office_id, NULL,
      CASE m.status WHEN 'done' THEN 'job_completed' WHEN 'pending' THEN 'job_retrying' ELSE 'job_' || m.status END,
      m.task_id, m.id, m.key, m.role, (m.settlement ->> 'execution_id')::uuid, m.attempt, p_now,
      CASE m.status WHEN 'pending' THEN m.settlement -> 'details' || jsonb_build_object('run_at', m.run_at)
        ELSE m.settlement -> 'details' END
    )::job_events), '{}')
  INTO done, broken, waiting, events
  FROM moved m;
END $$;
