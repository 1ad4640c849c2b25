INSERT INTO totals
    (study, requests, prompt_tokens, completion_tokens, usd, ok, failed, refused, over_budget, cached)
VALUES
    (:study, :requests, :prompt_tokens, :completion_tokens, :usd, :ok, :failed, :refused, :over_budget, :cached)
ON CONFLICT DO UPDATE
SET requests = requests + excluded.requests,
    prompt_tokens = prompt_tokens + excluded.prompt_tokens,
    completion_tokens = completion_tokens + excluded.completion_tokens,
    usd = usd + excluded.usd,
    ok = ok + excluded.ok,
    failed = failed + excluded.failed,
    refused = refused + excluded.refused,
    over_budget = over_budget + excluded.over_budget,
    cached = cached + excluded.cached;
