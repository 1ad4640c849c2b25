INSERT INTO benchmark_worlds BY NAME SELECT * FROM incoming;
