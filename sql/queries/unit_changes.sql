-- What changed between the units of two data versions: a row a kind, with the first few units.
WITH a AS (SELECT * FROM units WHERE study = $study AND data_version = $a),
     b AS (SELECT * FROM units WHERE study = $study AND data_version = $b),
     said AS (
    SELECT study, data_version, unit_id, variable, value, NULL AS word FROM unit_values
    UNION ALL
    SELECT study, data_version, unit_id, variable, NULL, word FROM unit_words
),
     va AS (SELECT * FROM said WHERE study = $study AND data_version = $a),
     vb AS (SELECT * FROM said WHERE study = $study AND data_version = $b),
     changes AS (
    SELECT 1 AS place, 'unit added' AS change, unit_id FROM b ANTI JOIN a USING (unit_id)
    UNION ALL
    SELECT 2, 'unit removed', unit_id FROM a ANTI JOIN b USING (unit_id)
    UNION ALL
    SELECT 3, 'text changed', unit_id FROM a JOIN b USING (unit_id) WHERE a.content_hash <> b.content_hash
    UNION ALL
    SELECT 4, 'label arrived', unit_id FROM a JOIN b USING (unit_id) WHERE b.labelled AND NOT a.labelled
    UNION ALL
    SELECT 5, 'label gone', unit_id FROM a JOIN b USING (unit_id) WHERE a.labelled AND NOT b.labelled
    UNION ALL
    SELECT DISTINCT 6, 'label or covariate changed', unit_id
    FROM va JOIN vb USING (unit_id, variable)
    WHERE va.value IS DISTINCT FROM vb.value OR va.word IS DISTINCT FROM vb.word
)
SELECT change, count(*) AS units, min(unit_id, 5) AS such_as
FROM changes
GROUP BY place, change
ORDER BY place;
