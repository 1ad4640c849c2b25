SELECT * EXCLUDE (benchmark_id, position)
FROM benchmark_sources
WHERE benchmark_id = $benchmark_id
ORDER BY position;
