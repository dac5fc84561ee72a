-- An office's checkpoint; null where there is none to go by. After ten seconds a whole look is due: should anything have
-- escaped the log (another program's UPDATE, say), it is found. After a thousand events it is the shorter look.
CREATE OR REPLACE FUNCTION last_checkpoint(p_office uuid, p_now timestamptz) RETURNS office_checkpoints LANGUAGE sql
  SET search_path FROM CURRENT
AS $$
  SELECT k.* FROM (SELECT c.* FROM office_checkpoints c WHERE c.office_id = p_office ORDER BY c.seq DESC LIMIT 1) k
  WHERE k.looked_at BETWEEN p_now - interval '10 s' AND p_now
    AND k.seq + 1000 >= COALESCE((SELECT l.seq FROM job_events l WHERE l.office_id = p_office ORDER BY l.seq DESC LIMIT 1), 0)
$$;
