-- The tables of the scheduler. An office database that exists already (offices and job_queue in their older
-- shape) is adopted in place: CREATE ... IF NOT EXISTS skips what is there, the ALTERs bring what is missing.

-- Rules of single columns are domains, not CHECKs: PostgreSQL reads a table's CHECKs anew for every statement,
-- which is a tenth of a small transaction, and a domain's once a session.
CREATE DOMAIN job_status AS varchar(20)
  CHECK (VALUE IN ('pending', 'ready', 'processing', 'done', 'failed', 'timeout', 'cancelled'));
CREATE DOMAIN execution_status AS text
  CHECK (VALUE IN ('running', 'completed', 'failed', 'timeout', 'cancelled', 'lost'));
CREATE DOMAIN stop_cause AS text CHECK (VALUE IN ('timeout', 'cancelled', 'interrupted'));
CREATE DOMAIN from_zero AS integer CHECK (VALUE >= 0);
CREATE DOMAIN from_one AS integer CHECK (VALUE >= 1);
CREATE DOMAIN duration_ms AS bigint CHECK (VALUE >= 1);
CREATE DOMAIN role_name AS text CHECK (VALUE <> '');

CREATE TABLE IF NOT EXISTS offices (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name text NOT NULL,
  description text,
  github_org text,
  github_repo text,
  repo_path text,
  layout jsonb,
  status text NOT NULL DEFAULT 'active',
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  metadata jsonb
);

CREATE TABLE IF NOT EXISTS job_queue (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  office_id uuid NOT NULL REFERENCES offices (id) ON DELETE CASCADE,
  agent_id uuid,
  worktree_id uuid,
  title varchar(200) NOT NULL,
  description text,
  status varchar(20) NOT NULL DEFAULT 'pending',
  depends_on uuid[],
  pr_number integer,
  branch_name varchar(100),
  priority integer,
  created_at timestamptz,
  started_at timestamptz,
  completed_at timestamptz,
  metadata jsonb
);

-- What an older table checks at the end of a transaction would hold up the changes that follow.
SET CONSTRAINTS ALL IMMEDIATE;

-- Older tables may hold times without a zone; they are taken as UTC. Views on these tables are in the way of that, so
-- they are dropped and made again as they were.
DO $$
DECLARE
  c record;
  v record;
  v_again text[] := '{}';
  v_statement text;
BEGIN
  IF NOT EXISTS (
    SELECT 1 FROM pg_attribute WHERE attrelid IN ('offices'::regclass, 'job_queue'::regclass) AND atttypid = 'timestamp'::regtype
  ) THEN
    RETURN;
  END IF;
  FOR v IN
    WITH RECURSIVE dependent (oid, depth) AS (
      SELECT t.oid, 0 FROM unnest(ARRAY['offices'::regclass::oid, 'job_queue'::regclass::oid]) AS t(oid)
      UNION
      SELECT r.ev_class, x.depth + 1 FROM dependent x
      JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = x.oid
      JOIN pg_rewrite r ON r.oid = d.objid AND r.ev_class <> x.oid
    )
    SELECT t.oid, t.oid::regclass::text AS name, t.relowner::regrole AS owner, t.relacl AS acl,
      'WITH (' || array_to_string(t.reloptions, ', ') || ')' AS options, obj_description(t.oid, 'pg_class') AS comment
    FROM dependent x JOIN pg_class t ON t.oid = x.oid WHERE t.relkind = 'v' GROUP BY t.oid ORDER BY max(x.depth) DESC
  LOOP
    v_again := ARRAY[
      format('CREATE VIEW %s %s AS %s', v.name, v.options, pg_get_viewdef(v.oid)),
      format('ALTER VIEW %s OWNER TO %s', v.name, v.owner),
      format('COMMENT ON VIEW %s IS %L', v.name, v.comment)
    ] || ARRAY(
      SELECT format('GRANT %s ON %s TO %s%s', a.privilege_type, v.name,
        CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END,
        CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' END)
      FROM aclexplode(v.acl) a
    ) || v_again;
    EXECUTE format('DROP VIEW %s', v.name);
  END LOOP;
  FOR c IN
    SELECT attrelid::regclass AS relation, attname AS name, pg_get_expr(adbin, adrelid) AS fallback
    FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE attrelid IN ('offices'::regclass, 'job_queue'::regclass) AND atttypid = 'timestamp'::regtype
      AND attname IN ('created_at', 'updated_at', 'started_at', 'completed_at', 'cancelled_at', 'run_at')
  LOOP
    EXECUTE format('ALTER TABLE %s ALTER COLUMN %I DROP DEFAULT, ALTER COLUMN %I TYPE timestamptz USING %I AT TIME ZONE ''UTC''',
      c.relation, c.name, c.name, c.name);
    EXECUTE COALESCE(format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT ', c.relation, c.name) || c.fallback, '');
  END LOOP;
  FOREACH v_statement IN ARRAY v_again LOOP
    EXECUTE v_statement;
  END LOOP;
END $$;

UPDATE offices SET status = 'active' WHERE status IS NULL;

ALTER TABLE offices
  ALTER COLUMN status SET DEFAULT 'active', ALTER COLUMN status SET NOT NULL,
  ALTER COLUMN created_at SET DEFAULT now(),
  ALTER COLUMN updated_at SET DEFAULT now(),
  -- Every key is present (a test compares this with DEFAULT_CONFIG), so SQL needs no defaults of its own.
  ADD COLUMN scheduler_config jsonb NOT NULL DEFAULT '{
    "maxConcurrentJobs": 3,
    "maxConcurrentByRole": {},
    "defaultTimeout": 1800000,
    "timeoutByRole": {"PO": 900000, "Architect": 1200000, "FE": 1800000, "BE": 1800000, "QA": 2700000, "DevOps": 1200000},
    "maxRetries": 2,
    "retryBackoff": "exponential",
    "retryBaseDelay": 60000,
    "retryMaxDelay": 3600000,
    "retryJitter": false,
    "onDependencyFailure": "cancel"
  }',
  -- How a role's sessions are started when a job does not say: {role: {command, stdin, cwd, env, timeout_ms}}.
  ADD COLUMN roles jsonb NOT NULL DEFAULT '{}',
  ADD COLUMN max_concurrent_jobs integer NOT NULL
    GENERATED ALWAYS AS ((scheduler_config ->> 'maxConcurrentJobs')::integer) STORED
    CHECK (max_concurrent_jobs >= 1),
  -- Without one of its keys, every pass over the office would fail.
  ADD CONSTRAINT offices_scheduler_config CHECK (scheduler_config ?& ARRAY['maxConcurrentByRole', 'defaultTimeout',
    'timeoutByRole', 'maxRetries', 'retryBackoff', 'retryBaseDelay', 'retryMaxDelay', 'retryJitter', 'onDependencyFailure']);

-- One submitted request.
CREATE TABLE job_tasks (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  office_id uuid NOT NULL REFERENCES offices (id) ON DELETE CASCADE,
  title text,
  -- Where the plan came from, so that `office run --resume` finds its task again.
  plan_path text,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX job_tasks_by_plan ON job_tasks (office_id, plan_path, created_at);

-- What job_queue needs besides. A column that an older table has already keeps its values, and gets the type that it has
-- here. All in one ALTER, since each one would write a table anew.
DO $$
DECLARE
  v_changes text;
BEGIN
  SELECT string_agg(CASE WHEN a.attname IS NULL
      THEN format('ADD COLUMN %I %s %s', c.name, c.type, 'NOT NULL DEFAULT ' || c.fallback)
      ELSE format('ALTER COLUMN %1$I DROP DEFAULT, ALTER COLUMN %1$I DROP NOT NULL', c.name)
        || CASE WHEN a.atttypid = c.type::regtype THEN ''
          ELSE format(', ALTER COLUMN %1$I TYPE %2$s USING NULLIF(%1$I::text, %3$L)::%2$s', c.name, c.type, '') END
        || CASE WHEN c.fallback IS NULL THEN '' ELSE format(', ALTER COLUMN %I SET DEFAULT %s', c.name, c.fallback) END
    END, ', ' ORDER BY c.place)
  INTO v_changes
  FROM (VALUES
    (1, 'task_id', 'uuid', NULL),
    (2, 'key', 'text', NULL),
    (3, 'role', 'role_name', '''default'''),
    (4, 'session', 'jsonb', NULL),
    -- How many of the jobs it depends on are not done. True in every state, so that a retry needs no recount.
    (5, 'unmet_count', 'from_zero', '0'),
    -- False until its edges are recorded and checked: rows that another program wrote start out like this.
    (6, 'admitted', 'boolean', 'false'),
    (7, 'attempt', 'from_zero', '0'),
    (8, 'retry_count', 'from_zero', '0'),
    (9, 'max_retries', 'from_zero', NULL),
    (10, 'timeout_ms', 'duration_ms', NULL),
    -- When a waiting job may run at the earliest; null outside `pending`.
    (11, 'run_at', 'timestamptz', NULL),
    -- Since when it has been `ready`; null in every other state. The index of ready jobs goes by this column and not
    -- by status, so that the other changes of a job touch no index at all (heap-only updates).
    (12, 'ready_at', 'timestamptz', NULL),
    (13, 'cancelled_at', 'timestamptz', NULL),
    (14, 'error_class', 'text', NULL),
    (15, 'error_message', 'text', NULL),
    -- The dependency whose bad end cancelled this job.
    (16, 'caused_by', 'uuid', NULL),
    (17, 'result', 'jsonb', NULL)
  ) AS c (place, name, type, fallback)
  LEFT JOIN pg_attribute a ON a.attrelid = 'job_queue'::regclass AND a.attname = c.name AND NOT a.attisdropped;
  EXECUTE 'ALTER TABLE job_queue ' || v_changes;
END $$;

UPDATE job_queue SET
  role = COALESCE(NULLIF(role, 'default'), NULLIF(metadata ->> 'role', ''), 'default'),
  title = COALESCE(title, 'Untitled'),
  priority = COALESCE(priority, 0),
  created_at = COALESCE(created_at, now()),
  depends_on = COALESCE(depends_on, '{}'),
  attempt = COALESCE(attempt, 0),
  retry_count = COALESCE(retry_count, 0),
  unmet_count = 0,
  cancelled_at = CASE WHEN status = 'cancelled' THEN COALESCE(cancelled_at, completed_at, created_at, now()) END,
  run_at = CASE WHEN status IN ('done', 'failed', 'timeout', 'cancelled') THEN NULL ELSE run_at END,
  ready_at = NULL,
  -- A job that was running under an older scheduler has no execution of ours: it waits for its turn again.
  status = CASE WHEN status IN ('ready', 'processing') THEN 'pending' ELSE COALESCE(status, 'pending') END,
  admitted = COALESCE(status IN ('done', 'failed', 'cancelled', 'timeout'), false);

ALTER TABLE job_queue
  ALTER COLUMN role SET NOT NULL, ALTER COLUMN unmet_count SET NOT NULL, ALTER COLUMN admitted SET NOT NULL,
  ALTER COLUMN attempt SET NOT NULL, ALTER COLUMN retry_count SET NOT NULL;

ALTER TABLE job_queue
  ALTER COLUMN priority SET DEFAULT 0, ALTER COLUMN priority SET NOT NULL,
  ALTER COLUMN created_at SET DEFAULT now(), ALTER COLUMN created_at SET NOT NULL,
  ALTER COLUMN depends_on SET DEFAULT '{}', ALTER COLUMN depends_on SET NOT NULL,
  ALTER COLUMN status SET DEFAULT 'pending', ALTER COLUMN status SET NOT NULL;

-- Older CHECKs on status know no 'timeout'. Their names are not known, so they are found by what they constrain; one on
-- other columns as well would refuse the end of a job that timed out.
DO $$
DECLARE
  c record;
BEGIN
  FOR c IN
    SELECT conname FROM pg_constraint
    WHERE conrelid = 'job_queue'::regclass AND contype = 'c'
      AND conkey @> ARRAY[(SELECT attnum FROM pg_attribute WHERE attrelid = 'job_queue'::regclass AND attname = 'status')]
  LOOP
    EXECUTE format('ALTER TABLE job_queue DROP CONSTRAINT %I', c.conname);
  END LOOP;
END $$;

-- In an older table a view, a trigger or a policy may be in the way: then a CHECK says the same.
DO $$
BEGIN
  ALTER TABLE job_queue ALTER COLUMN status TYPE job_status;
EXCEPTION WHEN feature_not_supported OR syntax_error THEN
  ALTER TABLE job_queue ADD CONSTRAINT job_queue_status CHECK (status::job_status IS NOT NULL);
END $$;

-- No foreign keys to job_queue here and below, since each would be checked row by row: jobs are inserted by
-- submit_task and executions by claim_jobs, both from rows that they hold, and a deleted job takes its edges and
-- executions along by trigger (0002_guards.sql). A dependency may also be on a job that is yet to be inserted.
CREATE TABLE job_dependencies (
  job_id uuid NOT NULL,
  depends_on_id uuid NOT NULL CHECK (depends_on_id <> job_id),
  PRIMARY KEY (depends_on_id, job_id)
);
CREATE INDEX job_dependencies_by_job ON job_dependencies (job_id);

-- What ended under an older scheduler is not taken in again, yet it may be run again. Its edges are recorded here.
INSERT INTO job_dependencies (job_id, depends_on_id)
SELECT DISTINCT j.id, d.id FROM job_queue j CROSS JOIN unnest(j.depends_on) AS d(id) WHERE j.admitted AND d.id <> j.id;
UPDATE job_queue j SET unmet_count = w.n
FROM (
  SELECT d.job_id, count(*) AS n FROM job_dependencies d LEFT JOIN job_queue p ON p.id = d.depends_on_id
  WHERE p.status IS DISTINCT FROM 'done' GROUP BY d.job_id
) w
WHERE j.id = w.job_id;

CREATE SEQUENCE fencing_token;

-- An execution's id follows from its job and attempt. So an attempt cannot exist twice, and one index finds
-- executions by their own id and by their job. It begins like the job's id, which rises with time: new executions go to
-- the end of that index, and not to a page of its own each, which after a checkpoint would be logged whole.
CREATE FUNCTION execution_id(p_job uuid, p_attempt integer) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
  -- 48 bits of the job's id, the rest from an MD5 of both, as version 8 (of one's own making) and its variant, RFC 9562.
  SELECT overlay(overlay(overlay(md5(uuid_send(p_job) || int4send(p_attempt)) PLACING left(p_job::text, 8) || substr(p_job::text, 10, 4) FROM 1)
    PLACING '8' FROM 13) PLACING '8' FROM 17)::uuid
$$;

CREATE TABLE job_executions (
  id uuid PRIMARY KEY,
  job_id uuid NOT NULL,
  office_id uuid NOT NULL,
  role text NOT NULL,
  attempt from_one NOT NULL,
  status execution_status NOT NULL DEFAULT 'running',
  worker_id text NOT NULL,
  fencing_token bigint NOT NULL,
  timeout_ms duration_ms NOT NULL,
  -- Why its session is being stopped, from the moment that was asked for.
  stop_cause stop_cause,
  started_at timestamptz NOT NULL,
  -- Set when every process of its session is known to be gone; until then it holds its slot.
  ended_at timestamptz,
  exit_code integer,
  error_class text,
  error_message text,
  CONSTRAINT job_executions_ended CHECK ((status = 'running') = (ended_at IS NULL))
);
-- At most one live execution per job; also what running sessions are counted from. The hash scatters them: entries
-- in the order of the jobs would leave a trail of dead pages behind, which every count would have to walk.
CREATE UNIQUE INDEX job_executions_live ON job_executions (office_id, uuid_hash_extended(job_id, 0), job_id) INCLUDE (role) WHERE ended_at IS NULL;

CREATE TABLE job_events (
  office_id uuid NOT NULL,
  seq bigint NOT NULL,
  type text NOT NULL,
  task_id uuid,
  job_id uuid NOT NULL,
  job_key text,
  role text NOT NULL,
  execution_id uuid,
  attempt integer,
  "timestamp" timestamptz NOT NULL,
  details jsonb NOT NULL DEFAULT '{}',
  PRIMARY KEY (office_id, seq)
);

-- What may start, in the order in which it starts; and the same role by role, for offices that limit roles.
CREATE INDEX job_queue_ready ON job_queue (office_id, priority, created_at, id) WHERE ready_at IS NOT NULL;
CREATE INDEX job_queue_ready_by_role ON job_queue (office_id, role, priority, created_at, id) WHERE ready_at IS NOT NULL;
-- What waits for a time.
CREATE INDEX job_queue_due ON job_queue (office_id, run_at) WHERE run_at IS NOT NULL;
CREATE INDEX job_queue_not_admitted ON job_queue (office_id, created_at) WHERE NOT admitted;
-- Lists. A task's jobs share its created_at, so this serves them as well.
CREATE INDEX job_queue_by_office ON job_queue (office_id, created_at, id);

-- Queue tables change all the time: vacuum by absolute numbers, early, so that dead rows never pile up.
ALTER TABLE job_queue SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000);
ALTER TABLE job_executions SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000);

-- What a ready job is ordered by, and where it is.
CREATE TYPE job_head AS (priority integer, created_at timestamptz, id uuid, place tid);
