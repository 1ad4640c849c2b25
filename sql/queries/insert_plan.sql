INSERT INTO plans BY NAME SELECT run_id, study, data_version, source, recipe, expected_rows, position FROM incoming;
