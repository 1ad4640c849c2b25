-- The same of values and words.
WITH stored AS (
    SELECT unit_id, variable, value, NULL AS word FROM unit_values WHERE study = $study AND data_version = $data_version
    UNION ALL
    SELECT unit_id, variable, NULL, word FROM unit_words WHERE study = $study AND data_version = $data_version
)
SELECT (SELECT count(*) FROM incoming) AS came,
       (SELECT count(*) FROM stored) AS stored,
       (SELECT count(*)
        FROM stored s JOIN incoming i ON i.unit_id = s.unit_id AND i.variable = s.variable
        WHERE s.value IS NOT DISTINCT FROM i.value
          AND signbit(s.value) IS NOT DISTINCT FROM signbit(i.value)
          AND s.word IS NOT DISTINCT FROM i.word) AS same;
