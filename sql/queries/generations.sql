-- The last terminal row of each (unit, source, step, draw): current texts, up to a sequence number. Of each source the
-- recipe that it has now: sources that swapped their settings have rows under both. Which rows is settled before
-- anything else of them is read: a window over whole rows would hold every text.
WITH last AS (
    SELECT max(g.seq) AS seq
    FROM generations g
    JOIN units u ON u.study = g.study AND u.unit_id = g.unit_id AND u.content_hash = g.content_hash
    WHERE g.study = $study
      AND u.data_version = $data_version
      AND g.seq <= $seq
      AND list_contains($recipes, {'source': g.source, 'recipe': g.recipe})
    GROUP BY g.source, g.recipe, g.unit_id, g.step, g.draw
)
SELECT g.unit_id, g.source, g.step, g.draw, g.recipe, g.content_hash, g.status, g.value,
       g.text, g.error, g.error_kind, g.attempts, g.flag
FROM generations g
SEMI JOIN last ON last.seq = g.seq
WHERE g.study = $study
ORDER BY g.source, g.unit_id, g.step, g.draw;
