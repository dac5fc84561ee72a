-- The jobs of an office that come next, as many as there are free slots: in order of priority, created_at and id, within the
-- limits. Reads only the heads of the index of ready jobs, so that neither a long backlog nor a full role costs anything. A
-- ready job whose dependency is being done anew (retry_jobs) is ready still, and waits.
--
-- p_floors says from where on a role has ready jobs, apart from those among p_since; a role that is missing has no others. Null:
-- a whole look. Where p_since is given, the floors of what is ready now are returned.
CREATE OR REPLACE FUNCTION ready_heads(
  p_office uuid, p_free integer, p_role_limits jsonb, p_task uuid, p_live uuid[], p_floors ready_floor[], p_since uuid[],
  OUT heads tid[], OUT floors ready_floor[]
) LANGUAGE plpgsql AS $$
DECLARE
  v_role text;
  v_roles text[] := '{}';
  v_role_free integer;
  v_floor ready_floor;
  v_heads job_head[] := '{}';
  v_since ready_job[] := '{}';
BEGIN
  floors := '{}';
  IF p_floors IS NULL THEN
    -- Each role that has ready jobs is found by one look at the index.
    SELECT j.role INTO v_role FROM job_queue j WHERE j.office_id = p_office AND j.ready_at IS NOT NULL ORDER BY j.role LIMIT 1;
    WHILE v_role IS NOT NULL LOOP
      v_roles := v_roles || v_role;
      SELECT j.role INTO v_role FROM job_queue j
      WHERE j.office_id = p_office AND j.ready_at IS NOT NULL AND j.role > v_role ORDER BY j.role LIMIT 1;
    END LOOP;
  ELSE
    -- OFFSET 0: each by its id, and not one by one among all that are ready.
    v_since := ARRAY(
      SELECT ROW(j.role, j.priority, j.created_at, j.id, j.place, j.unmet_count > 0)::ready_job
      FROM unnest(p_since) s(id) CROSS JOIN LATERAL (SELECT x.*, x.ctid AS place FROM job_queue x WHERE x.id = s.id OFFSET 0) j
      WHERE j.office_id = p_office AND j.ready_at IS NOT NULL AND (p_task IS NULL OR j.task_id = p_task)
    );
    v_roles := ARRAY(SELECT f.role FROM unnest(p_floors) f UNION SELECT s.role FROM unnest(v_since) s);
  END IF;
  FOREACH v_role IN ARRAY v_roles LOOP
    v_role_free := p_free;
    IF p_role_limits ? v_role THEN
      SELECT LEAST(p_free, (p_role_limits ->> v_role)::integer - count(*)) INTO v_role_free
      FROM unnest(p_live) AS l(id) CROSS JOIN LATERAL (SELECT x.role FROM job_executions x WHERE x.id = l.id OFFSET 0) e
      WHERE e.role = v_role;
    END IF;
    IF p_floors IS NULL THEN
      v_floor := ROW(v_role, -2147483648, '-infinity', '00000000-0000-0000-0000-000000000000');
    ELSE
      SELECT * INTO v_floor FROM unnest(p_floors) f WHERE f.role = v_role;
      IF NOT FOUND THEN
        v_floor := ROW(v_role, 2147483647, 'infinity', 'ffffffff-ffff-ffff-ffff-ffffffffffff');
      END IF;
    END IF;
    IF v_role_free > 0 THEN
      v_heads := v_heads || ARRAY(
        SELECT ROW(h.priority, h.created_at, h.id, h.place)::job_head FROM (
          (SELECT j.priority, j.created_at, j.id, j.ctid AS place FROM job_queue j
          WHERE j.office_id = p_office AND j.role = v_role AND j.ready_at IS NOT NULL AND j.unmet_count = 0
            AND (p_task IS NULL OR j.task_id = p_task)
            AND (j.priority, j.created_at, j.id) >= (v_floor.priority, v_floor.created_at, v_floor.id)
          ORDER BY j.priority, j.created_at, j.id LIMIT v_role_free)
          UNION ALL
          SELECT s.priority, s.created_at, s.id, s.place FROM unnest(v_since) s
          WHERE s.role = v_role AND NOT s.waits AND (s.priority, s.created_at, s.id) < (v_floor.priority, v_floor.created_at, v_floor.id)
        ) h
        ORDER BY h.priority, h.created_at, h.id LIMIT v_role_free
      );
    END IF;
    IF p_since IS NOT NULL THEN
      floors := floors || ARRAY(
        SELECT ROW(v_role, f.priority, f.created_at, f.id)::ready_floor FROM (
          (SELECT j.priority, j.created_at, j.id FROM job_queue j
          WHERE j.office_id = p_office AND j.role = v_role AND j.ready_at IS NOT NULL AND (p_task IS NULL OR j.task_id = p_task)
            AND (j.priority, j.created_at, j.id) >= (v_floor.priority, v_floor.created_at, v_floor.id)
          ORDER BY j.priority, j.created_at, j.id LIMIT 1)
          UNION ALL
          SELECT s.priority, s.created_at, s.id FROM unnest(v_since) s WHERE s.role = v_role
        ) f
        ORDER BY f.priority, f.created_at, f.id LIMIT 1
      );
    END IF;
  END LOOP;
  heads := ARRAY(SELECT h.place FROM unnest(v_heads) h ORDER BY h.priority, h.created_at, h.id LIMIT p_free);
END $$;
