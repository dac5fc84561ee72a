-- How many entries of the indexes a look at so many offices may read, with so many slots in all: more than those of the last
-- passes, and somebody keeps the dead from being cleared away, so that it pays to note where the next look may begin.
CREATE OR REPLACE FUNCTION dead_steps_max(p_offices integer, p_slots bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT COALESCE(current_setting('office.dead_steps_max', true), '500')::integer + 20 * p_offices + 6 * p_slots
$$;
