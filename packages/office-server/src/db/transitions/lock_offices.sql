-- Every change of an office's scheduling state begins here, and reads only in later statements. Locked in id
-- order, so that no two transactions can wait for each other. NO KEY: foreign keys to the office stay usable.
CREATE OR REPLACE FUNCTION lock_offices(p_offices uuid[]) RETURNS void LANGUAGE plpgsql
AS $$
BEGIN
  IF cardinality(p_offices) = 1 THEN
    PERFORM 1 FROM offices o WHERE o.id = p_offices[1] FOR NO KEY UPDATE;
  ELSE
    -- Where one is kept locked, the others are not to wait for long: they are tried again, each for itself.
    PERFORM set_config('lock_timeout', '1s', true);
    PERFORM 1 FROM offices o WHERE o.id = ANY (p_offices) ORDER BY o.id FOR NO KEY UPDATE;
  END IF;
END $$;
