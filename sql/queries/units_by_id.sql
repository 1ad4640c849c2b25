SELECT u.unit_id, t.text, u.content_hash
FROM units u JOIN texts t USING (study, unit_id, content_hash)
WHERE u.study = $study AND u.data_version = $data_version AND u.unit_id IN (SELECT unnest($unit_ids));
