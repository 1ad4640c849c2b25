INSERT INTO unit_values BY NAME SELECT study, data_version, unit_id, variable, value FROM incoming;
