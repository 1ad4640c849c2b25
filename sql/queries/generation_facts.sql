-- What the model did for one version, by source and step: the terminal rows that its estimates rest on.
-- What a request used counts once, however many rows took its reply from the journal, and is of the day on which it
-- was sent: also where that was for rows of an earlier run or recipe.
WITH used AS (
    SELECT g.* FROM generations g
    JOIN units u ON u.study = g.study AND u.unit_id = g.unit_id AND u.content_hash = g.content_hash
    WHERE g.study = $study AND u.data_version = $data_version AND g.seq <= $seq
      AND list_contains($recipes, {'source': g.source, 'recipe': g.recipe})
    QUALIFY row_number() OVER (PARTITION BY g.source, g.recipe, g.unit_id, g.step, g.draw ORDER BY g.seq DESC) = 1
),
sent AS (
    SELECT request_key, prompt_tokens, completion_tokens, usd, stored_at
    FROM generations
    WHERE study = $study AND seq <= $seq AND NOT cached AND request_key IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY request_key ORDER BY seq DESC) = 1
),
told AS (
    SELECT u.source, u.step, u.status, u.flag, u.cached, u.latency_s, u.attempts,
           coalesce(s.stored_at, u.stored_at) AS sent_at,
           CASE WHEN counts THEN coalesce(s.prompt_tokens, u.prompt_tokens) END AS prompt_tokens,
           CASE WHEN counts THEN coalesce(s.completion_tokens, u.completion_tokens) END AS completion_tokens,
           CASE WHEN counts THEN coalesce(s.usd, u.usd) END AS usd
    FROM (
        SELECT *, request_key IS NULL
                  OR row_number() OVER (PARTITION BY request_key ORDER BY cached, seq) = 1 AS counts
        FROM used
    ) u
    LEFT JOIN sent s ON u.cached AND s.request_key = u.request_key
)
SELECT source, split_part(step, '.', 1) AS step, count(*) AS rows,
       count(*) FILTER (status = 'ok') AS ok,
       count(*) FILTER (status = 'failed') AS failed,
       count(*) FILTER (status = 'refused') AS refused,
       count(*) FILTER (flag IS NOT NULL) AS flagged,
       count(*) FILTER (cached) AS cached,
       sum(attempts)::BIGINT AS attempts,
       coalesce(sum(prompt_tokens), 0)::BIGINT AS prompt_tokens,
       coalesce(sum(completion_tokens), 0)::BIGINT AS completion_tokens,
       coalesce(sum(usd), 0)::DOUBLE AS usd,
       quantile_cont(latency_s, 0.5) FILTER (NOT cached) AS latency_median,
       quantile_cont(latency_s, 0.95) FILTER (NOT cached) AS latency_95,
       min(sent_at) AS first_at, max(sent_at) AS last_at
FROM told
GROUP BY ALL
ORDER BY source, step DESC;
