-- As in 0002_guards.sql, but that a job whose last dependency is done may start in the same step (hand_on), without being written
-- as ready in between.
CREATE OR REPLACE FUNCTION guard_job_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  -- The usual way, and a short look at it.
  IF NEW.ready_at IS NULL AND NEW.run_at IS NULL
    AND (OLD.status = 'processing' AND NEW.status = 'done' OR NEW.status = 'processing' AND (OLD.status = 'ready'
      -- Unlocked and started in one step.
      OR OLD.status = 'pending' AND OLD.unmet_count = 1 AND NEW.unmet_count = 0 AND NEW.admitted AND NEW.attempt = OLD.attempt + 1))
  THEN
    RETURN NEW;
  END IF;
  IF (OLD.status <> NEW.status AND strpos(
      ' pending>ready pending>cancelled pending>failed ready>processing ready>cancelled'
      ' processing>done processing>failed processing>timeout processing>cancelled processing>pending'
      ' done>pending done>ready failed>pending failed>ready'
      ' timeout>pending timeout>ready cancelled>pending cancelled>ready ', ' ' || OLD.status || '>' || NEW.status || ' ') = 0)
    OR (NEW.status = 'ready') <> (NEW.ready_at IS NOT NULL)
    OR (NEW.run_at IS NOT NULL AND NEW.status <> 'pending')
    OR (NEW.status = 'ready' AND NOT NEW.admitted)
  THEN
    EXECUTE format('SELECT %I.refuse_job($1, $2)', TG_TABLE_SCHEMA) USING NEW, OLD.status;
  END IF;
  RETURN NEW;
END $$;

-- As in 0005_checkpoints.sql, but that where a checkpoint is in use check_limits looks, always: so that the usual look, where there
-- is none, is a short one.
CREATE OR REPLACE FUNCTION refuse_over_limit() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  PERFORM 1 FROM offices o
  WHERE o.id = ANY (ARRAY(SELECT s.office_id FROM started s)) AND (
    o.xmax <> pg_current_xact_id()::xid
    OR o.scheduler_config -> 'maxConcurrentByRole' <> '{}'
    OR (
      SELECT k.looked_at > now() - interval '1 minute' FROM office_checkpoints k WHERE k.office_id = o.id ORDER BY k.seq DESC LIMIT 1
    )
    OR o.max_concurrent_jobs < (SELECT count(*) FROM job_executions e WHERE e.office_id = o.id AND e.ended_at IS NULL)
  );
  IF FOUND THEN
    PERFORM check_limits(ARRAY(SELECT s.id FROM started s), ARRAY(SELECT DISTINCT s.office_id FROM started s),
      ARRAY(SELECT DISTINCT s.role::text FROM started s));
  END IF;
  RETURN NULL;
END $$;
