SELECT suite, "check", severity, passed, observed, threshold, unit_ids, message
FROM checks
WHERE run_id = $run_id;
