-- What no program may do to the tables, ours included.

-- The same set as domain/lifecycle.ts: a test tries every pair. A trigger, and not a CHECK or a WHEN, since those would be
-- read anew for every statement; and one expression, since each costs a microsecond a row.
CREATE FUNCTION guard_job_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
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

CREATE FUNCTION guard_new_job() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (NEW.status = 'ready') <> (NEW.ready_at IS NOT NULL)
    OR (NEW.run_at IS NOT NULL AND NEW.status <> 'pending')
    OR (NEW.status = 'ready' AND NOT NEW.admitted)
  THEN
    EXECUTE format('SELECT %I.refuse_job($1, NULL)', TG_TABLE_SCHEMA) USING NEW;
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION refuse_job(p_job job_queue, p_from text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF (p_job.status = 'ready') <> (p_job.ready_at IS NOT NULL) OR (p_job.run_at IS NOT NULL AND p_job.status <> 'pending')
    OR (p_job.status = 'ready' AND NOT p_job.admitted) THEN
    RAISE EXCEPTION 'job % is % with ready_at %, run_at %, admitted %', p_job.id, p_job.status,
      COALESCE(p_job.ready_at::text, 'null'), COALESCE(p_job.run_at::text, 'null'), p_job.admitted
      USING ERRCODE = 'check_violation';
  END IF;
  RAISE EXCEPTION 'job % may not go from % to %', p_job.id, p_from, p_job.status USING ERRCODE = 'check_violation';
END $$;

CREATE TRIGGER job_queue_state BEFORE UPDATE OF status, ready_at, run_at, admitted ON job_queue
  FOR EACH ROW EXECUTE FUNCTION guard_job_change();
-- Named so that it comes after job_queue_hold_foreign: triggers fire in the order of their names.
CREATE TRIGGER job_queue_new_state BEFORE INSERT ON job_queue FOR EACH ROW EXECUTE FUNCTION guard_new_job();

-- Rows that another program inserts wait until the scheduler has recorded and checked their edges (admit_jobs).
CREATE FUNCTION hold_foreign_job() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF NEW.status IN ('pending', 'ready', 'processing') THEN
    NEW.status := 'pending';
    NEW.role := COALESCE(NULLIF(NEW.role, 'default'), NULLIF(NEW.metadata ->> 'role', ''), 'default');
  END IF;
  NEW.title := COALESCE(NEW.title, 'Untitled');
  NEW.priority := COALESCE(NEW.priority, 0);
  NEW.created_at := COALESCE(NEW.created_at, now());
  NEW.depends_on := COALESCE(NEW.depends_on, '{}');
  NEW.unmet_count := 0;
  PERFORM pg_notify('office_scheduler', NEW.office_id::text);
  RETURN NEW;
END $$;

CREATE TRIGGER job_queue_hold_foreign BEFORE INSERT ON job_queue FOR EACH ROW
  WHEN (NOT NEW.admitted) EXECUTE FUNCTION hold_foreign_job();

-- The limits, whatever the code above them believes. The usual case, where the transaction holds the office's lock (it
-- is the row's xmax) and the limits hold, takes one look.
CREATE FUNCTION refuse_over_limit() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  PERFORM 1 FROM offices o
  WHERE o.id = ANY (ARRAY(SELECT s.office_id FROM started s)) AND (
    o.xmax::text <> pg_current_xact_id()::xid::text
    OR o.scheduler_config -> 'maxConcurrentByRole' <> '{}'
    OR o.max_concurrent_jobs < (SELECT count(*) FROM job_executions e WHERE e.office_id = o.id AND e.ended_at IS NULL)
  );
  IF FOUND THEN
    PERFORM check_limits(ARRAY(SELECT DISTINCT s.office_id FROM started s), ARRAY(SELECT DISTINCT s.role::text FROM started s));
  END IF;
  RETURN NULL;
END $$;

-- Locks first and counts in a later statement: a count in the statement that waits for a lock sees the past.
CREATE FUNCTION check_limits(p_offices uuid[], p_roles text[]) RETURNS void LANGUAGE plpgsql
  SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
DECLARE
  v_over text;
BEGIN
  PERFORM 1 FROM offices o WHERE o.id = ANY (p_offices) ORDER BY o.id FOR NO KEY UPDATE;
  SELECT format('office %s would run %s sessions (limit %s), %s of them of role %s (limit %s)',
    o.id, live.total, o.max_concurrent_jobs, live.n, live.role, COALESCE(live.role_limit::text, 'none')) INTO v_over
  FROM offices o
  CROSS JOIN LATERAL (
    SELECT e.role, count(*) AS n, sum(count(*)) OVER () AS total,
      (o.scheduler_config -> 'maxConcurrentByRole' ->> e.role::text)::integer AS role_limit
    FROM job_executions e WHERE e.office_id = o.id AND e.ended_at IS NULL GROUP BY e.role
  ) live
  -- A role may stand above a limit that was lowered since; then only a further start is refused.
  WHERE o.id = ANY (p_offices)
    AND (live.total > o.max_concurrent_jobs OR (live.n > live.role_limit AND live.role = ANY (p_roles)))
  LIMIT 1;
  IF v_over IS NOT NULL THEN
    RAISE EXCEPTION '%', v_over USING ERRCODE = 'check_violation', CONSTRAINT = 'job_executions_limit';
  END IF;
END $$;

CREATE TRIGGER job_executions_limit AFTER INSERT ON job_executions
  REFERENCING NEW TABLE AS started FOR EACH STATEMENT EXECUTE FUNCTION refuse_over_limit();

-- A deleted job takes its edges and executions along; one that is running, or that others wait for, stays.
CREATE FUNCTION delete_job_rows() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  v_held uuid;
BEGIN
  SELECT g.id INTO v_held FROM gone g
  JOIN offices o ON o.id = g.office_id
  WHERE EXISTS (SELECT 1 FROM generate_series(1, g.attempt) a JOIN job_executions e ON e.id = execution_id(g.id, a) WHERE e.ended_at IS NULL)
    OR EXISTS (
      SELECT 1 FROM job_dependencies d JOIN job_queue j ON j.id = d.job_id
      WHERE d.depends_on_id = g.id AND j.status IN ('pending', 'ready')
    )
  LIMIT 1;
  IF v_held IS NOT NULL THEN
    RAISE EXCEPTION 'job % is running, or other jobs wait for it: it cannot be deleted', v_held USING ERRCODE = 'foreign_key_violation';
  END IF;
  DELETE FROM job_dependencies d USING gone g WHERE d.job_id = g.id;
  DELETE FROM job_executions e USING gone g, generate_series(1, g.attempt) a WHERE e.id = execution_id(g.id, a);
  RETURN NULL;
END $$;

CREATE TRIGGER job_queue_deleted AFTER DELETE ON job_queue
  REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION delete_job_rows();

-- A deleted office takes its event log along; its jobs and tasks go by their foreign keys.
CREATE FUNCTION delete_office_rows() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  DELETE FROM job_events e USING gone g WHERE e.office_id = g.id;
  RETURN NULL;
END $$;

CREATE TRIGGER offices_deleted AFTER DELETE ON offices
  REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION delete_office_rows();
