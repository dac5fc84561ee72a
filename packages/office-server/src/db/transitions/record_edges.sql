-- Writes the edges of jobs as their depends_on says, and counts those that are not met yet. One to another office never is.
CREATE OR REPLACE FUNCTION record_edges(p_jobs uuid[]) RETURNS void LANGUAGE plpgsql
AS $$
BEGIN
  INSERT INTO job_dependencies (job_id, depends_on_id)
  SELECT DISTINCT j.id, d.id
  FROM unnest(p_jobs) AS i(id) JOIN job_queue j ON j.id = i.id CROSS JOIN LATERAL unnest(j.depends_on) AS d(id)
  WHERE d.id <> j.id
  ON CONFLICT DO NOTHING;

  UPDATE job_queue j SET unmet_count = w.n
  FROM (
    SELECT d.job_id, (count(*) FILTER (WHERE p.status IS DISTINCT FROM 'done' OR p.office_id <> w.office_id))::integer AS n
    FROM unnest(p_jobs) AS i(id)
    JOIN job_queue w ON w.id = i.id
    JOIN job_dependencies d ON d.job_id = w.id
    LEFT JOIN job_queue p ON p.id = d.depends_on_id
    GROUP BY d.job_id
  ) w
  WHERE j.id = w.job_id AND j.unmet_count <> w.n;
END $$;
