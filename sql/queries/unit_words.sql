SELECT unit_id, variable, word
FROM unit_words
WHERE study = $study AND data_version = $data_version
ORDER BY unit_id, variable;
