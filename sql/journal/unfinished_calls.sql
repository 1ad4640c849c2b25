SELECT count(*) FROM calls WHERE study = :study AND ended IS NULL;
