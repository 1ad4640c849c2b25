INSERT OR REPLACE INTO replies (key, request, reply, prompt_tokens, completion_tokens, latency_s, created)
VALUES (?, ?, ?, ?, ?, ?, ?);
