-- A scheduling pass, step by step: lock, settle what finished, unlock what waited for it, cancel what can no longer run, wake what
-- is due, claim what comes next.
CREATE OR REPLACE FUNCTION run_steps(
  p_offices uuid[], p_executions uuid[], p_settlements jsonb, p_worker text, p_max integer, p_task uuid
) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
  v_now timestamptz;
  v_events job_events[] := '{}';
  v_unlocked job_events[] := '{}';
  v_settling record;
  v_settled uuid[] := '{}';
  v_activated integer := 0;
  v_broken uuid[];
  v_due uuid[];
  v_claiming record;
  v_claimed json := '[]';
  v_configs json := '{}';
BEGIN
  PERFORM lock_offices(p_offices);
  v_now := scheduler_now();
  IF p_executions <> '{}' THEN
    v_settling := settle_executions(p_offices, p_executions, p_settlements, v_now);
    v_events := v_settling.events;
    v_settled := v_settling.settled;
    IF v_settling.done <> '{}' THEN
      v_unlocked := unlock_dependents(p_offices, v_settling.done, v_now);
      v_activated := cardinality(v_unlocked);
      v_events := v_events || v_unlocked;
    END IF;
    v_broken := v_settling.broken;
    IF v_settling.waiting <> '{}' THEN
      -- What it depends on may have been done anew meanwhile, and ended badly.
      v_broken := v_broken || ARRAY(
        SELECT p.id FROM job_dependencies d JOIN job_queue p ON p.id = d.depends_on_id
        WHERE d.job_id = ANY (v_settling.waiting) AND p.status IN ('failed', 'timeout', 'cancelled')
      );
    END IF;
    IF v_broken <> '{}' THEN
      PERFORM append_events(p_offices, v_events);
      v_events := '{}';
      PERFORM cancel_dependents(v_broken, v_now);
    END IF;
  END IF;
  v_due := ARRAY(
    SELECT j.id FROM job_queue j
    WHERE j.office_id = ANY (p_offices) AND j.run_at <= v_now AND j.unmet_count = 0 AND j.status = 'pending'
  );
  IF v_due <> '{}' THEN
    PERFORM append_events(p_offices, v_events);
    v_events := '{}';
    v_activated := v_activated + activate_jobs(v_due, v_now);
  END IF;
  IF p_max IS NULL OR p_max > 0 THEN
    v_claiming := claim_jobs(p_offices, p_worker, p_max, p_task, v_now, v_unlocked);
    v_events := v_events || v_claiming.events;
    v_claimed := v_claiming.claimed;
    v_configs := v_claiming.configs;
  END IF;
  IF v_events <> '{}' THEN
    PERFORM append_events(p_offices, v_events);
  END IF;
  RETURN json_build_object('settled', v_settled, 'activated', v_activated, 'claimed', v_claimed, 'configs', v_configs);
END $$;
