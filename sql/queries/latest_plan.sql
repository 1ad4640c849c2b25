SELECT run_id, data_version, source, recipe, expected_rows, stored_at
FROM plans
WHERE study = $study
  AND run_id = (SELECT run_id FROM plans WHERE study = $study ORDER BY stored_at DESC LIMIT 1)
ORDER BY position;
