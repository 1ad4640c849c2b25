SELECT count(*) AS generated,
       count(*) FILTER (status = 'ok') AS ok,
       count(*) FILTER (status = 'failed') AS failed,
       count(*) FILTER (status = 'refused') AS refused,
       count(*) FILTER (cached) AS cached,
       coalesce(sum(prompt_tokens) FILTER (NOT cached), 0)::BIGINT AS prompt_tokens,
       coalesce(sum(completion_tokens) FILTER (NOT cached), 0)::BIGINT AS completion_tokens,
       coalesce(sum(usd) FILTER (NOT cached), 0)::DOUBLE AS usd,
       max(stored_at) AS generated_at
FROM generations
WHERE run_id = $run_id;
