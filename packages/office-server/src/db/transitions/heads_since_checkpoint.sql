-- What ready_heads finds, by an office's checkpoint and by what the log says since. Moves the checkpoint on.
CREATE OR REPLACE FUNCTION heads_since_checkpoint(
  p_office uuid, p_free integer, p_role_limits jsonb, p_task uuid, p_live uuid[], p_unlocked job_events[], p_now timestamptz
) RETURNS tid[] LANGUAGE plpgsql AS $$
DECLARE
  v_checkpoint office_checkpoints;
  v_floors ready_floor[];
  v_since uuid[];
  v_look record;
BEGIN
  IF p_free = 0 THEN
    RETURN '{}';
  END IF;
  v_checkpoint := last_checkpoint(p_office, p_now);
  v_since := ARRAY(
    SELECT l.job_id FROM job_events l WHERE l.office_id = p_office AND l.seq > v_checkpoint.seq
    UNION
    SELECT u.job_id FROM unnest(p_unlocked) u
  );
  IF v_checkpoint.task_id IS NOT DISTINCT FROM p_task THEN
    v_floors := v_checkpoint.floors;
  END IF;
  v_look := ready_heads(p_office, p_free, p_role_limits, p_task, p_live, v_floors, v_since);
  IF v_since <> '{}' OR v_floors IS NULL THEN
    PERFORM write_checkpoint(p_office, COALESCE(v_checkpoint.looked_at, p_now), p_live, p_task, v_look.floors);
  END IF;
  RETURN v_look.heads;
END $$;
