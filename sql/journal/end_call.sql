UPDATE calls
SET ended = :ended,
    outcome = :outcome,
    http_status = :http_status,
    prompt_tokens = :prompt_tokens,
    completion_tokens = :completion_tokens,
    usd = :usd
WHERE call = :call;
