SELECT unit_id, variable, value
FROM unit_values
WHERE study = $study AND data_version = $data_version AND unit_id BETWEEN $first AND $last
ORDER BY unit_id, variable;
