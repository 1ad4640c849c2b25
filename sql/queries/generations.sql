-- The last terminal row of each (unit, source, step, draw) of the units from $first to $last: current texts, up to a
-- sequence number. Of each source the recipe that it has now: sources that swapped their settings have rows under both.
SELECT g.unit_id, g.source, g.step, g.draw, g.recipe, g.content_hash, g.status, g.value,
       g.text, g.error, g.error_kind, g.attempts, g.flag
FROM generations g
JOIN units u ON u.study = g.study AND u.unit_id = g.unit_id AND u.content_hash = g.content_hash
WHERE g.study = $study
  AND u.data_version = $data_version
  AND g.unit_id BETWEEN $first AND $last AND u.unit_id BETWEEN $first AND $last
  AND g.seq <= $seq
  AND list_contains($recipes, {'source': g.source, 'recipe': g.recipe})
QUALIFY row_number() OVER (PARTITION BY g.source, g.recipe, g.unit_id, g.step, g.draw ORDER BY g.seq DESC) = 1
ORDER BY g.unit_id, g.source, g.step, g.draw;
