-- The live executions of an office: those on its checkpoint and those started since, as far as they have not ended. Where
-- there is none to go by (last_checkpoint): what the index of live ones has. That is always so where p_now is null.
CREATE OR REPLACE FUNCTION live_executions(p_office uuid, p_now timestamptz) RETURNS uuid[] LANGUAGE plpgsql
  SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off
AS $$
DECLARE
  v_checkpoint office_checkpoints := last_checkpoint(p_office, p_now);
BEGIN
  IF v_checkpoint.seq IS NULL THEN
    RETURN ARRAY(SELECT e.id FROM job_executions e WHERE e.office_id = p_office AND e.ended_at IS NULL);
  END IF;
  -- OFFSET 0: each by its id, and not by the index of live ones, which may be full of dead ones.
  RETURN ARRAY(
    SELECT e.id FROM (
      SELECT DISTINCT k.id FROM unnest(v_checkpoint.live || ARRAY(
        SELECT l.execution_id FROM job_events l
        WHERE l.office_id = p_office AND l.seq > v_checkpoint.seq AND l.type = 'job_started'
      )) AS k(id)
    ) k CROSS JOIN LATERAL (SELECT x.id, x.ended_at FROM job_executions x WHERE x.id = k.id OFFSET 0) e
    WHERE e.ended_at IS NULL
  );
END $$;
