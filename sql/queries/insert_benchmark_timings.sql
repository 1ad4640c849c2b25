INSERT INTO benchmark_timings BY NAME SELECT * FROM incoming;
