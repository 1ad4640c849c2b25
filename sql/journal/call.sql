SELECT prompt_tokens, completion_tokens, usd FROM calls WHERE call = :call;
