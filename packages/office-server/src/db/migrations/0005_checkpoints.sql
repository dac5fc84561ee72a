-- Where the next look at an office may begin. What a pass asks for is in indexes that hold only what is there: the live
-- executions, the ready jobs. While some program keeps an old snapshot open, though, nothing that has left them can be cleared
-- away, and every look has to step over all of it.

-- From where on a role has ready jobs.
CREATE TYPE ready_floor AS (role text, priority integer, created_at timestamptz, id uuid);

-- A ready job, where it is, and whether it still waits for a dependency that is being done anew.
CREATE TYPE ready_job AS (role text, priority integer, created_at timestamptz, id uuid, place tid, waits boolean);

-- An office as it was after its event `seq`: with the log from there on it says what a whole look would. Written only where a
-- whole look takes long, and believed for some seconds (claim_jobs). The one that counts has the highest `seq`, and is
-- replaced by one with a higher one: so that it is the first to be found, however many dead ones lie below.
CREATE TABLE office_checkpoints (
  office_id uuid NOT NULL REFERENCES offices (id) ON DELETE CASCADE,
  seq bigint NOT NULL,
  -- When the last whole look was.
  looked_at timestamptz NOT NULL,
  -- The executions that were live.
  live uuid[] NOT NULL,
  -- The task whose jobs `floors` is about; null: all.
  task_id uuid,
  -- Roles that had no ready job are missing. Null: nobody has looked.
  floors ready_floor[],
  PRIMARY KEY (office_id, seq)
);

-- As in 0002_guards.sql, but for how live executions are found. Those of this statement are in no log yet.
CREATE OR REPLACE FUNCTION refuse_over_limit() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  PERFORM 1 FROM offices o
  WHERE o.id = ANY (ARRAY(SELECT s.office_id FROM started s)) AND (
    o.xmax::text <> pg_current_xact_id()::xid::text
    OR o.scheduler_config -> 'maxConcurrentByRole' <> '{}'
    OR o.max_concurrent_jobs < CASE WHEN (SELECT true FROM office_checkpoints k WHERE k.office_id = o.id ORDER BY k.seq DESC LIMIT 1)
      THEN (SELECT count(*) FROM (SELECT unnest(live_executions(o.id, scheduler_now())) UNION SELECT s.id FROM started s WHERE s.office_id = o.id) l)
      ELSE (SELECT count(*) FROM job_executions e WHERE e.office_id = o.id AND e.ended_at IS NULL) END
  );
  IF FOUND THEN
    PERFORM check_limits(ARRAY(SELECT s.id FROM started s), ARRAY(SELECT DISTINCT s.office_id FROM started s),
      ARRAY(SELECT DISTINCT s.role::text FROM started s));
  END IF;
  RETURN NULL;
END $$;

DROP FUNCTION check_limits(uuid[], text[]);
-- Locks first and counts in a later statement: a count in the statement that waits for a lock sees the past.
CREATE FUNCTION check_limits(p_started uuid[], p_offices uuid[], p_roles text[]) RETURNS void LANGUAGE plpgsql
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
    FROM (SELECT unnest(live_executions(o.id, scheduler_now())) UNION SELECT unnest(p_started)) AS l(id)
    CROSS JOIN LATERAL (SELECT x.role, x.office_id FROM job_executions x WHERE x.id = l.id OFFSET 0) e
    WHERE e.office_id = o.id GROUP BY e.role
  ) live
  -- A role may stand above a limit that was lowered since; then only a further start is refused.
  WHERE o.id = ANY (p_offices)
    AND (live.total > o.max_concurrent_jobs OR (live.n > live.role_limit AND live.role = ANY (p_roles)))
  LIMIT 1;
  IF v_over IS NOT NULL THEN
    RAISE EXCEPTION '%', v_over USING ERRCODE = 'check_violation', CONSTRAINT = 'job_executions_limit';
  END IF;
END $$;
