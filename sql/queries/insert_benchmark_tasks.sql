INSERT INTO benchmark_tasks BY NAME SELECT * FROM incoming;
