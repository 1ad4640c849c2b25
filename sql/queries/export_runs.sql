COPY (SELECT * FROM runs WHERE run_id = $run_id) TO $path (FORMAT parquet);
