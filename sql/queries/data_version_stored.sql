SELECT units, labelled FROM data_versions WHERE study = $study AND data_version = $data_version;
