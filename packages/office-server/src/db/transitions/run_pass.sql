-- One scheduling pass over some offices, in one transaction.
CREATE OR REPLACE FUNCTION run_pass(
  p_offices uuid[], p_executions uuid[], p_settlements jsonb, p_worker text, p_max integer, p_task uuid
) RETURNS json LANGUAGE plpgsql
  -- Each setting costs a microsecond a pass: those that the rarer steps need as well, they bring themselves. Without sorts, the
  -- next jobs come from the index of the ready, in its order, also where many offices had few jobs when the plan was made.
  SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off
  SET enable_sort = off
AS $$
DECLARE
  v_pass json;
BEGIN
  IF cardinality(p_offices) = 1 AND cardinality(p_executions) = 1 THEN
    v_pass := hand_on(p_offices[1], p_executions[1], p_settlements, p_worker, p_max, p_task);
  END IF;
  RETURN COALESCE(v_pass, run_steps(p_offices, p_executions, p_settlements, p_worker, p_max, p_task));
END $$;
