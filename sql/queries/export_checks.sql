COPY (
    SELECT r.study, r.version, e.* FROM checks e JOIN runs r USING (run_id) WHERE e.run_id = $run_id ORDER BY e.suite, e."check", e.message
) TO $path (FORMAT parquet);
