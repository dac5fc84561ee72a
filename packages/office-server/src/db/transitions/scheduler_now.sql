-- The one clock that decisions go by. Tests shift it with the setting office.clock_offset, an interval.
CREATE OR REPLACE FUNCTION scheduler_now() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
  SELECT clock_timestamp() + COALESCE(NULLIF(current_setting('office.clock_offset', true), ''), '0')::interval
$$;
