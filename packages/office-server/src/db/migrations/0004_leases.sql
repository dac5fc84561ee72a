-- A worker's row is its lease: as long as seen_at moves, it holds its executions.

ALTER TABLE scheduler_workers
  -- How long it may be silent before it is declared lost.
  ADD COLUMN lease_ms bigint NOT NULL DEFAULT 20000 CHECK (lease_ms > 0),
  -- The one task that it works for; null: all offices.
  ADD COLUMN task_id uuid,
  -- The folder of its sessions, on its machine: whoever has the same can tell what it has started.
  ADD COLUMN sessions_directory text,
  -- It has gone in good order and left its sessions to whoever comes next on its machine.
  ADD COLUMN left_at timestamptz,
  -- It was silent for too long. It holds nothing any more, and nothing it writes brings that back.
  ADD COLUMN lost_at timestamptz;

ALTER TABLE job_queue
  -- Executions whose worker was lost, since the job was submitted or retried by hand.
  ADD COLUMN worker_losses integer NOT NULL DEFAULT 0;
