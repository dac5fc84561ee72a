-- Writes an office's checkpoint, in the place of the one that it has.
CREATE OR REPLACE FUNCTION write_checkpoint(
  p_office uuid, p_looked_at timestamptz, p_live uuid[], p_task uuid, p_floors ready_floor[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  v_seq bigint := COALESCE((SELECT l.seq FROM job_events l WHERE l.office_id = p_office ORDER BY l.seq DESC LIMIT 1), 0);
BEGIN
  -- By its whole key: nothing that is dead is stepped over.
  UPDATE office_checkpoints c SET seq = v_seq, looked_at = p_looked_at, live = p_live, task_id = p_task, floors = p_floors
  WHERE c.office_id = p_office
    AND c.seq = (SELECT n.seq FROM office_checkpoints n WHERE n.office_id = p_office ORDER BY n.seq DESC LIMIT 1);
  IF NOT FOUND THEN
    INSERT INTO office_checkpoints (office_id, seq, looked_at, live, task_id, floors)
    VALUES (p_office, v_seq, p_looked_at, p_live, p_task, p_floors);
  END IF;
END $$;
