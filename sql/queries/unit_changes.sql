-- What changed between the units of two data versions: one row per kind, with the first few units.
-- A row that holds in both versions has changed nothing: only the others are compared.
WITH place AS (
    SELECT max(position) FILTER (data_version = $a) AS a, max(position) FILTER (data_version = $b) AS b
    FROM data_versions
    WHERE study = $study
),
     changed AS (
    SELECT r.row_id, p.a >= r.since AND (e.gone IS NULL OR p.a < e.gone) AS in_a,
           p.b >= r.since AND (e.gone IS NULL OR p.b < e.gone) AS in_b
    FROM (SELECT row_id, study, since FROM unit_rows UNION ALL SELECT row_id, study, since FROM value_rows) r
    CROSS JOIN place p
    LEFT JOIN row_ends e ON e.row_id = r.row_id
    WHERE r.study = $study AND in_a <> in_b
),
     a AS (FROM unit_rows SEMI JOIN (FROM changed WHERE in_a) USING (row_id)),
     b AS (FROM unit_rows SEMI JOIN (FROM changed WHERE in_b) USING (row_id)),
     va AS (FROM value_rows SEMI JOIN (FROM changed WHERE in_a) USING (row_id)),
     vb AS (FROM value_rows SEMI JOIN (FROM changed WHERE in_b) USING (row_id)),
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
