SELECT key, request, reply, prompt_tokens, completion_tokens, latency_s FROM replies WHERE key = :key;
