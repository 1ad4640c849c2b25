SELECT estimator, family, level, n_labelled, n_total, j, j_df, j_p_value, warnings, target, covariance
FROM fits
WHERE run_id = $run_id;
