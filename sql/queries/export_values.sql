-- `incoming` holds what the sources say; what the data say stands beside it as the source `data`.
COPY (
    SELECT v.unit_id, 'data' AS source, v.variable, v.value
    FROM unit_values v JOIN runs r ON r.study = v.study AND r.data_version = v.data_version
    WHERE r.run_id = $run_id
    UNION ALL
    SELECT unit_id, source, variable, value FROM incoming
    ORDER BY unit_id, source, variable
) TO $path (FORMAT parquet);
