-- The last terminal rows of one source for units from $first to $last, with their raw replies.
SELECT g.unit_id, g.source, g.step, g.draw, g.recipe, g.content_hash, g.status, g.value, g.text, g.reply, g.error,
       g.error_kind, g.attempts, g.prompt_tokens, g.completion_tokens, g.usd, g.latency_s, g.cached, g.request_key,
       g.flag, g.prices
FROM generations g
JOIN units u ON u.study = g.study AND u.unit_id = g.unit_id AND u.content_hash = g.content_hash
WHERE g.study = $study
  AND u.data_version = $data_version
  AND g.source = $source
  AND g.recipe = $recipe
  AND g.unit_id BETWEEN $first AND $last
QUALIFY row_number() OVER (PARTITION BY g.unit_id, g.step, g.draw ORDER BY g.seq DESC) = 1
ORDER BY g.unit_id, g.step DESC, g.draw;
