INSERT INTO unit_words BY NAME SELECT study, data_version, unit_id, variable, word FROM incoming;
