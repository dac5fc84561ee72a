-- How many entries of the indexes that a claim looks into were read by this session so far, dead ones included. Only
-- differences within a transaction mean something.
CREATE OR REPLACE FUNCTION index_steps() RETURNS bigint LANGUAGE sql AS $$
  SELECT pg_stat_get_xact_tuples_returned('job_executions_live'::regclass)
    + pg_stat_get_xact_tuples_returned('job_queue_ready'::regclass)
    + pg_stat_get_xact_tuples_returned('job_queue_ready_by_role'::regclass)
$$;
