-- Writes events to the log, in their order, numbered on from each office's last. Their `seq` is not given.
CREATE OR REPLACE FUNCTION append_events(p_offices uuid[], p_events job_events[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF cardinality(p_offices) = 1 THEN
    INSERT INTO job_events (office_id, seq, type, task_id, job_id, job_key, role, execution_id, attempt, "timestamp", details)
    SELECT e.office_id, e.ordinality + COALESCE((
        SELECT l.seq FROM job_events l WHERE l.office_id = p_offices[1] ORDER BY l.seq DESC LIMIT 1
      ), 0), e.type, e.task_id, e.job_id, e.job_key, e.role, e.execution_id, e.attempt, e."timestamp", e.details
    FROM unnest(p_events) WITH ORDINALITY AS e;
    RETURN;
  END IF;
  INSERT INTO job_events (office_id, seq, type, task_id, job_id, job_key, role, execution_id, attempt, "timestamp", details)
  SELECT e.office_id, e.n + max(CASE WHEN e.n = 1 THEN (
      SELECT COALESCE(max(l.seq), 0) FROM job_events l WHERE l.office_id = e.office_id
    ) END) OVER (PARTITION BY e.office_id),
    e.type, e.task_id, e.job_id, e.job_key, e.role, e.execution_id, e.attempt, e."timestamp", e.details
  FROM (
    SELECT u.*, row_number() OVER (PARTITION BY u.office_id ORDER BY u.ordinality) AS n
    FROM unnest(p_events) WITH ORDINALITY AS u
  ) e;
END $$;
