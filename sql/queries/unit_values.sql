SELECT unit_id, variable, value
FROM unit_values
WHERE study = $study AND data_version = $data_version
ORDER BY unit_id, variable;
