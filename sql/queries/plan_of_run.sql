SELECT source, recipe, expected_rows FROM plans WHERE run_id = $run_id ORDER BY position;
