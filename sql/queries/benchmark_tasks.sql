SELECT * EXCLUDE (benchmark_id, position)
FROM benchmark_tasks
WHERE benchmark_id = $benchmark_id
ORDER BY position;
