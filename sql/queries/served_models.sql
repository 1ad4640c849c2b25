-- Which models the replies of a version's units name, by source, that of most units first: an endpoint may answer
-- under one name by another model than before. By a pattern, in half of the time that JSON takes: within a content
-- quotes have a backslash. `labelled` are units, too; `unit_ids` are the first few.
WITH told AS (
    SELECT g.source, u.unit_id, u.labelled,
           regexp_extract(g.reply, '"model"\s*:\s*"([^"]*)"', 1) AS model
    FROM generations g
    JOIN units u ON u.study = g.study AND u.unit_id = g.unit_id AND u.content_hash = g.content_hash
    WHERE g.study = $study AND u.data_version = $data_version
      AND list_contains($recipes, {'source': g.source, 'recipe': g.recipe})
    QUALIFY row_number() OVER (PARTITION BY g.source, g.unit_id, g.step, g.draw ORDER BY g.seq DESC) = 1
)
SELECT source, model, count(DISTINCT unit_id) AS units, count(DISTINCT unit_id) FILTER (labelled) AS labelled,
       list_sort(list_distinct(list(unit_id)))[:20] AS unit_ids
FROM told
WHERE model <> ''
GROUP BY source, model
ORDER BY source, units DESC, model;
