-- How a job's session comes about: as the job says; where it does not, as the office says for its role, with the job's own
-- folder and environment over it. Inlined where it is used, and the usual case takes one look.
CREATE OR REPLACE FUNCTION session_of(p_session jsonb, p_role jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT CASE
    WHEN p_session ?| ARRAY['command', 'run', 'runtime'] OR p_role IS NULL THEN p_session
    WHEN p_session IS NULL THEN p_role
    ELSE p_role || p_session || jsonb_build_object('env', COALESCE(p_role -> 'env', '{}') || COALESCE(p_session -> 'env', '{}'))
  END
$$;
