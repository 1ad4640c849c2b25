-- The units, by id and text, that need nothing more of one source: every step has a terminal row.
WITH last AS (
    SELECT g.unit_id, g.content_hash, g.status
    FROM generations g
    WHERE g.study = $study AND g.source = $source AND g.recipe = $recipe
    QUALIFY row_number() OVER (PARTITION BY g.unit_id, g.content_hash, g.step, g.draw ORDER BY g.seq DESC) = 1
)
SELECT unit_id, content_hash
FROM last
GROUP BY unit_id, content_hash
HAVING count(*) >= $expected AND NOT bool_or(status = 'over-budget')
ORDER BY unit_id, content_hash;
