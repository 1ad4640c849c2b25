INSERT INTO benchmarks (benchmark_id, version, plan, code_version, workers, wall_s, started_at)
VALUES ($benchmark_id, $version, $plan, $code_version, $workers, $wall_s, $started_at);
