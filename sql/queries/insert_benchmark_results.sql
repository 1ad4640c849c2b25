INSERT INTO benchmark_results BY NAME SELECT * FROM incoming;
