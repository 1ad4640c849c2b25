-- What changed between the units of two data versions: one row per kind, with the first few units.
-- A row that holds in both versions has changed nothing: only the others are compared.
WITH place AS (
    SELECT max(position) FILTER (data_version = $a) AS a, max(position) FILTER (data_version = $b) AS b,
           max(probability) FILTER (data_version = $a) AS of_all_a,
           max(probability) FILTER (data_version = $b) AS of_all_b,
           max(units) FILTER (data_version = $a) = max(units) FILTER (data_version = $b)
           AND max(labelled) FILTER (data_version = $a) = max(labelled) FILTER (data_version = $b) AS same_counts
    FROM data_versions
    WHERE study = $study
),
     held AS (
    SELECT r.row_id, p.a >= r.since AND (e.gone IS NULL OR p.a < e.gone) AS in_a,
           p.b >= r.since AND (e.gone IS NULL OR p.b < e.gone) AS in_b
    FROM (SELECT row_id, study, since FROM unit_rows UNION ALL SELECT row_id, study, since FROM value_rows) r
    CROSS JOIN place p
    LEFT JOIN row_ends e ON e.row_id = r.row_id
    WHERE r.study = $study AND (in_a OR in_b)
),
     changed AS (FROM held WHERE in_a <> in_b),
     a AS (FROM unit_rows SEMI JOIN (FROM changed WHERE in_a) USING (row_id)),
     b AS (FROM unit_rows SEMI JOIN (FROM changed WHERE in_b) USING (row_id)),
     va AS (FROM value_rows SEMI JOIN (FROM changed WHERE in_a) USING (row_id)),
     vb AS (FROM value_rows SEMI JOIN (FROM changed WHERE in_b) USING (row_id)),
     told AS ( -- of these units it is clear why a value came or went
    SELECT unit_id FROM a FULL JOIN b USING (unit_id) WHERE a.labelled IS DISTINCT FROM b.labelled
),
     lasting AS (
    SELECT variable FROM value_rows JOIN held USING (row_id) GROUP BY variable HAVING bool_or(in_a) AND bool_or(in_b)
),
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
    FROM va FULL JOIN vb USING (unit_id, variable)
    WHERE (va.value IS DISTINCT FROM vb.value OR va.word IS DISTINCT FROM vb.word)
      AND ((va.row_id IS NOT NULL AND vb.row_id IS NOT NULL)
           OR (unit_id NOT IN (FROM told) AND variable IN (FROM lasting)))
    UNION ALL
    SELECT 7, 'held-back label changed', unit_id
    FROM a JOIN b USING (unit_id)
    WHERE NOT a.labelled AND NOT b.labelled AND a.held_back IS DISTINCT FROM b.held_back
    UNION ALL
    SELECT 8, 'cluster changed', unit_id FROM a JOIN b USING (unit_id) WHERE a."cluster" IS DISTINCT FROM b."cluster"
    UNION ALL
    SELECT 9, 'probability of a label changed', unit_id
    FROM a JOIN b USING (unit_id) CROSS JOIN place p
    WHERE (p.of_all_a IS NULL OR p.of_all_b IS NULL)
      AND coalesce(a.probability, p.of_all_a) IS DISTINCT FROM coalesce(b.probability, p.of_all_b)
    UNION ALL -- one for all units stands with the version; that it follows the counts says nothing new
    SELECT 9, 'probability of a label changed', unit_id
    FROM unit_rows JOIN held USING (row_id) CROSS JOIN place p
    WHERE in_b AND p.same_counts AND p.of_all_a <> p.of_all_b
      AND unit_id NOT IN (SELECT unit_id FROM b ANTI JOIN a USING (unit_id))
)
SELECT change, count(*) AS units, min(unit_id, 5) AS such_as
FROM changes
GROUP BY place, change
ORDER BY place;
