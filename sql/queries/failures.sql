-- Why generations of the current texts failed, most frequent first.
SELECT g.source, g.step, g.status, coalesce(g.error_kind, g.status) AS kind, count(*) AS rows,
       any_value(g.error) AS example
FROM (
    SELECT * FROM generations
    WHERE study = $study AND list_contains($recipes, {'source': source, 'recipe': recipe})
    QUALIFY row_number() OVER (PARTITION BY source, recipe, unit_id, content_hash, step, draw ORDER BY seq DESC) = 1
) g
JOIN units u ON u.study = g.study AND u.unit_id = g.unit_id AND u.content_hash = g.content_hash
WHERE u.data_version = $data_version AND g.status <> 'ok'
GROUP BY ALL
ORDER BY rows DESC, g.source, g.step;
