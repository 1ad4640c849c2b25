-- What changed between the units of two data versions: one row per kind, with the first few units.
-- A row that holds in both versions has changed nothing: only the others are compared.
WITH place AS (
    SELECT max(position) FILTER (data_version = $a) AS a, max(position) FILTER (data_version = $b) AS b
    FROM data_versions
    WHERE study = $study
),
     rows AS (
    SELECT r.*, p.a >= since AND (e.gone IS NULL OR p.a < e.gone) AS in_a,
           p.b >= since AND (e.gone IS NULL OR p.b < e.gone) AS in_b
    FROM unit_rows r CROSS JOIN place p LEFT JOIN row_ends e ON e.row_id = r.row_id
    WHERE r.study = $study
),
     a AS (FROM rows WHERE in_a AND NOT in_b),
     b AS (FROM rows WHERE in_b AND NOT in_a),
     said AS (
    SELECT r.*, p.a >= since AND (e.gone IS NULL OR p.a < e.gone) AS in_a,
           p.b >= since AND (e.gone IS NULL OR p.b < e.gone) AS in_b
    FROM value_rows r CROSS JOIN place p LEFT JOIN row_ends e ON e.row_id = r.row_id
    WHERE r.study = $study
),
     va AS (FROM said WHERE in_a AND NOT in_b),
     vb AS (FROM said WHERE in_b AND NOT in_a),
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
