INSERT INTO texts BY NAME
SELECT study, unit_id, content_hash, text, fields FROM incoming
ON CONFLICT DO NOTHING;
