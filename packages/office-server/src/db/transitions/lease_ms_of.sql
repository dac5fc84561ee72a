-- How long a session that runs elsewhere may be silent, in ms; null for one that is started here. Another program may have
-- written anything: what makes no sense here is refused by the worker, not by a pass over the whole office.
CREATE OR REPLACE FUNCTION lease_ms_of(p_session jsonb) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN p_session ->> 'runtime' = 'external' THEN
    CASE WHEN jsonb_typeof(p_session -> 'lease_ms') = 'number'
      THEN LEAST(GREATEST((p_session ->> 'lease_ms')::numeric, 1), 31622400000)::bigint ELSE 60000 END
  END
$$;
