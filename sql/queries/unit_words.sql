SELECT unit_id, variable, word
FROM unit_words
WHERE study = $study AND data_version = $data_version AND unit_id BETWEEN $first AND $last
ORDER BY unit_id, variable;
