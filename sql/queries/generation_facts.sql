-- What the model did for one version, by source and step: the terminal rows that its estimates rest on.
SELECT source, split_part(step, '.', 1) AS step, count(*) AS rows,
       count(*) FILTER (status = 'ok') AS ok,
       count(*) FILTER (status = 'failed') AS failed,
       count(*) FILTER (status = 'refused') AS refused,
       count(*) FILTER (flag IS NOT NULL) AS flagged,
       count(*) FILTER (cached) AS cached,
       sum(attempts)::BIGINT AS attempts,
       sum(prompt_tokens)::BIGINT AS prompt_tokens, sum(completion_tokens)::BIGINT AS completion_tokens,
       sum(usd)::DOUBLE AS usd,
       quantile_cont(latency_s, 0.5) FILTER (NOT cached) AS latency_median,
       quantile_cont(latency_s, 0.95) FILTER (NOT cached) AS latency_95,
       min(stored_at) AS first_at, max(stored_at) AS last_at
FROM (
    SELECT g.* FROM generations g
    JOIN units u ON u.study = g.study AND u.unit_id = g.unit_id AND u.content_hash = g.content_hash
    WHERE g.study = $study AND u.data_version = $data_version AND g.seq <= $seq
      AND list_contains($recipes, {'source': g.source, 'recipe': g.recipe})
    QUALIFY row_number() OVER (PARTITION BY g.source, g.recipe, g.unit_id, g.step, g.draw ORDER BY g.seq DESC) = 1
)
GROUP BY ALL
ORDER BY source, step DESC;
