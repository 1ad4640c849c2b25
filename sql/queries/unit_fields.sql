-- The user's other columns of each unit, as JSON.
SELECT u.unit_id, t.fields
FROM units u JOIN texts t USING (study, unit_id, content_hash)
WHERE u.study = $study AND u.data_version = $data_version
ORDER BY u.unit_id;
