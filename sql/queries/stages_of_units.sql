-- Every stage of some units in one version, with the raw replies: the last terminal row of each step and draw.
SELECT g.unit_id, g.source, g.step, g.draw, g.status, g.value, g.text, g.reply, g.error, g.error_kind, g.flag
FROM generations g
JOIN units u ON u.study = g.study AND u.unit_id = g.unit_id AND u.content_hash = g.content_hash
WHERE g.study = $study AND u.data_version = $data_version AND g.seq <= $seq
  AND list_contains($recipes, {'source': g.source, 'recipe': g.recipe}) AND list_contains($unit_ids, g.unit_id)
QUALIFY row_number() OVER (PARTITION BY g.source, g.recipe, g.unit_id, g.step, g.draw ORDER BY g.seq DESC) = 1
ORDER BY g.unit_id, g.source, g.step DESC, g.draw;
