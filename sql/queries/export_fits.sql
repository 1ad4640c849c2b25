COPY (
    SELECT r.study, r.version, e.* FROM fits e JOIN runs r USING (run_id) WHERE e.run_id = $run_id ORDER BY e.estimator
) TO $path (FORMAT parquet);
