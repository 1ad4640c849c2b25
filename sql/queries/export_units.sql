COPY (
    SELECT u.unit_id, u.content_hash, u.labelled, u.probability, u.cluster, u.held_back
    FROM units u JOIN runs r ON r.study = u.study AND r.data_version = u.data_version
    WHERE r.run_id = $run_id
    ORDER BY u.unit_id
) TO $path (FORMAT parquet);
