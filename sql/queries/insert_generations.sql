INSERT INTO generations BY NAME
SELECT run_id, study, unit_id, source, step, draw, recipe, content_hash, request_key, reply, text, value,
       status, error, error_kind, attempts, cached, prompt_tokens, completion_tokens, usd, prices, latency_s, flag
FROM incoming;
