SELECT * EXCLUDE (benchmark_id)
FROM benchmark_timings
WHERE benchmark_id = $benchmark_id
ORDER BY task, family, estimator;
