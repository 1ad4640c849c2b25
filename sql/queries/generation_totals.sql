-- All generation rows ever, by study, source and status: they only grow. What came from the journal cost nothing.
SELECT study, source, status, coalesce(error_kind, '') AS kind, count(*) AS rows,
       count(*) FILTER (NOT cached) AS sent,
       coalesce(sum(prompt_tokens) FILTER (NOT cached), 0)::BIGINT AS prompt_tokens,
       coalesce(sum(completion_tokens) FILTER (NOT cached), 0)::BIGINT AS completion_tokens,
       coalesce(sum(usd) FILTER (NOT cached), 0)::DOUBLE AS usd,
       coalesce(sum(latency_s) FILTER (NOT cached), 0)::DOUBLE AS latency_s
FROM generations
GROUP BY ALL
ORDER BY ALL;
