SELECT * FROM runs WHERE study = $study AND version = $version;
