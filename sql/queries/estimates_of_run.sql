SELECT estimator, term, estimate, se, lower, upper, p_value, effective_n, labels_saved, r2
FROM estimates
WHERE run_id = $run_id
ORDER BY position;
