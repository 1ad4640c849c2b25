-- Rows are only ever appended, so that their order tells which run began last; a clock may have been put back.
SELECT run_id, data_version, source, recipe, expected_rows, stored_at
FROM plans
WHERE study = $study
  AND run_id = (SELECT arg_max(run_id, rowid) FROM plans WHERE study = $study)
ORDER BY position;
