COPY (
    SELECT r.study, r.version, e.* EXCLUDE (position) FROM estimates e JOIN runs r USING (run_id) WHERE e.run_id = $run_id ORDER BY e.position
) TO $path (FORMAT parquet);
