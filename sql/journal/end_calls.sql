WITH done (call, ended, outcome, http_status, prompt_tokens, completion_tokens, usd) AS (
    VALUES (?, ?, ?, ?, ?, ?, ?)
)
UPDATE calls
SET ended = done.ended,
    outcome = done.outcome,
    http_status = done.http_status,
    prompt_tokens = done.prompt_tokens,
    completion_tokens = done.completion_tokens,
    usd = done.usd
FROM done
WHERE calls.call = done.call;
