-- A version of the benchmark; without one, the newest.
SELECT benchmark_id, version, plan, code_version, workers, wall_s, started_at, stored_at
FROM benchmarks
WHERE $version IS NULL OR version = $version
ORDER BY version DESC
LIMIT 1;
