-- `incoming` holds what the sources say; what the data say stands beside it as the source `data`.
COPY (
    SELECT v.unit_id, 'data' AS source, v.variable, v.value, NULL::VARCHAR AS word
    FROM unit_values v JOIN runs r ON r.study = v.study AND r.data_version = v.data_version
    WHERE r.run_id = $run_id
    UNION ALL
    SELECT w.unit_id, 'data', w.variable, NULL, w.word
    FROM unit_words w JOIN runs r ON r.study = w.study AND r.data_version = w.data_version
    WHERE r.run_id = $run_id
    UNION ALL
    SELECT unit_id, source, variable, value, NULL FROM incoming
    ORDER BY unit_id, source, variable
) TO $path (FORMAT parquet);
