SELECT requests, prompt_tokens, completion_tokens, usd, ok, failed, refused, over_budget, cached
FROM totals
WHERE study = :study;
