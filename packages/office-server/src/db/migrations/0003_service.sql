-- What a service needs besides its jobs: keys, external sessions, output, statistics, and who follows the event log.

-- Keys of the API. What is stored of one opens nothing: its SHA-256, and it has 256 random bits.
CREATE TABLE scheduler_keys (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name text NOT NULL,
  hash bytea NOT NULL UNIQUE,
  -- The one office that it opens; null: all.
  office_id uuid REFERENCES offices (id) ON DELETE CASCADE,
  access text NOT NULL CHECK (access IN ('read', 'write')),
  created_at timestamptz NOT NULL DEFAULT now(),
  last_used_at timestamptz,
  revoked_at timestamptz
);

-- First answers, for requests that come again.
CREATE TABLE scheduler_answers (
  office_id uuid NOT NULL REFERENCES offices (id) ON DELETE CASCADE,
  idempotency_key text NOT NULL,
  -- SHA-256 of the request, so that the key cannot be used for another one.
  request_hash bytea NOT NULL,
  answer text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (office_id, idempotency_key)
);
CREATE INDEX scheduler_answers_by_age ON scheduler_answers (created_at);

-- Worker processes, each with a row of its own for as long as it lives.
CREATE TABLE scheduler_workers (
  id text PRIMARY KEY,
  version text NOT NULL,
  started_at timestamptz NOT NULL DEFAULT now(),
  seen_at timestamptz NOT NULL DEFAULT now()
);

-- External sessions: nothing of theirs runs here, so their silence has to be noticed.
ALTER TABLE job_executions
  -- How long they may be silent; null for a session of our own.
  ADD COLUMN lease_ms bigint,
  -- When their silence counts as a crash.
  ADD COLUMN lease_until timestamptz;
CREATE INDEX job_executions_external ON job_executions (office_id, id) WHERE lease_ms IS NOT NULL AND ended_at IS NULL;

-- What waits for other jobs, so that nobody who asks for it reads the office's history. It goes by columns that change only
-- where other indexes change as well, or as a job is cancelled: the end of a session still touches no index. What waits and has
-- been started before is in job_queue_due.
CREATE INDEX job_queue_waiting ON job_queue (office_id, created_at, id)
  WHERE started_at IS NULL AND ready_at IS NULL AND cancelled_at IS NULL;

-- What a service that runs a session shows when it reports about it.
CREATE TABLE job_execution_tokens (
  hash bytea PRIMARY KEY,
  execution_id uuid NOT NULL
);
CREATE INDEX job_execution_tokens_by_execution ON job_execution_tokens (execution_id);

-- What sessions have written, in pieces: the beginning, and the newest; a gap between two says how much is left out.
CREATE TABLE job_output (
  execution_id uuid NOT NULL,
  -- Bytes of the output before this piece.
  start_at bigint NOT NULL CHECK (start_at >= 0),
  data bytea NOT NULL,
  PRIMARY KEY (execution_id, start_at)
);

-- Who follows the event log. Each has a place of its own in each office's log.
CREATE TABLE scheduler_consumers (
  -- 'slack', 'supabase', 'webhook <id>'.
  id text PRIMARY KEY,
  -- The one office whose log it follows; null: all.
  office_id uuid REFERENCES offices (id) ON DELETE CASCADE,
  -- Whether anything is delivered. What is switched off keeps its place, and no event is kept for it.
  enabled boolean NOT NULL DEFAULT true,
  -- Events from before do not concern it: its places in the logs of the offices that were there then were made with it.
  created_at timestamptz NOT NULL DEFAULT now(),
  -- When a process last delivered to it, or could have. One that follows all offices is forgotten after a while without.
  seen_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX scheduler_consumers_by_office ON scheduler_consumers (office_id);

CREATE TABLE scheduler_cursors (
  consumer_id text NOT NULL REFERENCES scheduler_consumers (id) ON DELETE CASCADE,
  office_id uuid NOT NULL REFERENCES offices (id) ON DELETE CASCADE,
  -- Everything up to here is delivered.
  seq bigint NOT NULL,
  -- Attempts at the next event that failed, and since when none has succeeded.
  failures integer NOT NULL DEFAULT 0,
  failing_since timestamptz,
  last_error text,
  -- When the next attempt may be made at the earliest; null: at any time.
  retry_at timestamptz,
  -- Who is delivering, so that no two processes do; and until when, or when the last one ended.
  leased_by text,
  leased_until timestamptz,
  PRIMARY KEY (consumer_id, office_id)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000);
CREATE INDEX scheduler_cursors_by_office ON scheduler_cursors (office_id);
CREATE INDEX scheduler_cursors_due ON scheduler_cursors (consumer_id, retry_at) WHERE retry_at IS NOT NULL;

CREATE TABLE scheduler_webhooks (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  office_id uuid NOT NULL REFERENCES offices (id) ON DELETE CASCADE,
  -- Its place in the log, and whether it is switched on.
  consumer_id text NOT NULL UNIQUE REFERENCES scheduler_consumers (id) ON DELETE CASCADE,
  url text NOT NULL,
  secret text NOT NULL,
  -- None: all.
  events text[] NOT NULL DEFAULT '{}',
  execution_tokens boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX scheduler_webhooks_by_office ON scheduler_webhooks (office_id);

-- Finished jobs, counted from the event log (count_jobs), so that nobody has to count rows.
CREATE TABLE job_counts (
  office_id uuid PRIMARY KEY REFERENCES offices (id) ON DELETE CASCADE,
  -- Events up to this one are counted.
  seq bigint NOT NULL,
  -- All jobs, and of them those in each final state.
  total bigint NOT NULL,
  done bigint NOT NULL,
  failed bigint NOT NULL,
  timeout bigint NOT NULL,
  cancelled bigint NOT NULL,
  -- Sessions that ended well, and how long they took in all.
  completions bigint NOT NULL,
  completion_ms numeric NOT NULL
);

-- As in 0002, and with the output, the tokens and the counts.
CREATE OR REPLACE FUNCTION delete_job_rows() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  v_held uuid;
  v_executions uuid[];
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
  v_executions := ARRAY(SELECT execution_id(g.id, a) FROM gone g, generate_series(1, g.attempt) a);
  DELETE FROM job_dependencies d USING gone g WHERE d.job_id = g.id;
  DELETE FROM job_output p WHERE p.execution_id = ANY (v_executions);
  DELETE FROM job_execution_tokens t WHERE t.execution_id = ANY (v_executions);
  DELETE FROM job_executions e WHERE e.id = ANY (v_executions);
  UPDATE job_counts c SET total = c.total - g.total, done = c.done - g.done, failed = c.failed - g.failed,
    timeout = c.timeout - g.timeout, cancelled = c.cancelled - g.cancelled
  FROM (
    SELECT x.office_id, count(*) AS total, count(*) FILTER (WHERE x.status = 'done') AS done,
      count(*) FILTER (WHERE x.status = 'failed') AS failed, count(*) FILTER (WHERE x.status = 'timeout') AS timeout,
      count(*) FILTER (WHERE x.status = 'cancelled') AS cancelled
    FROM gone x WHERE x.admitted GROUP BY x.office_id
  ) g
  WHERE c.office_id = g.office_id;
  RETURN NULL;
END $$;
