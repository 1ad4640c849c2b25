INSERT INTO data_versions BY NAME SELECT study, data_version, units, labelled FROM incoming;
