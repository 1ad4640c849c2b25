INSERT INTO calls (study, source, key, started, prompt_tokens, completion_tokens, usd, prices)
VALUES (?, ?, ?, ?, ?, ?, ?, ?);
