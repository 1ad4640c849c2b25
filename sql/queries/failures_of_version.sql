-- Why generations of one version failed, by source, step and kind, most frequent first.
SELECT source, split_part(step, '.', 1) AS step, status, coalesce(error_kind, status) AS kind, count(*) AS rows,
       min(error) AS example
FROM (
    SELECT g.* FROM generations g
    JOIN units u ON u.study = g.study AND u.unit_id = g.unit_id AND u.content_hash = g.content_hash
    WHERE g.study = $study AND u.data_version = $data_version AND g.seq <= $seq
      AND list_contains($recipes, {'source': g.source, 'recipe': g.recipe})
    QUALIFY row_number() OVER (PARTITION BY g.source, g.recipe, g.unit_id, g.step, g.draw ORDER BY g.seq DESC) = 1
)
WHERE status <> 'ok'
GROUP BY ALL
ORDER BY rows DESC, source, step, kind;
