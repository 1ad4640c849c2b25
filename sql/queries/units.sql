SELECT u.unit_id, t.text, u.content_hash, u.labelled, u.probability, u.cluster, u.held_back
FROM units u JOIN texts t USING (study, unit_id, content_hash)
WHERE u.study = $study AND u.data_version = $data_version
ORDER BY u.unit_id;
