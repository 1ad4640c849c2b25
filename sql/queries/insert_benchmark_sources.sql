INSERT INTO benchmark_sources BY NAME SELECT * FROM incoming;
