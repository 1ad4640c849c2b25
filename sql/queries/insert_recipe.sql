INSERT INTO recipes (fingerprint, recipe) VALUES ($fingerprint, $recipe) ON CONFLICT DO NOTHING;
