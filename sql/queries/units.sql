-- The units of a data version from $first to $last.
SELECT u.unit_id, t.text, u.content_hash, u.labelled, u.probability, u.cluster, u.held_back
FROM units u JOIN texts t USING (study, unit_id, content_hash)
WHERE u.study = $study AND u.data_version = $data_version
  AND u.unit_id BETWEEN $first AND $last AND t.unit_id BETWEEN $first AND $last
ORDER BY u.unit_id;
