SELECT units FROM data_versions WHERE study = $study AND data_version = $data_version;
