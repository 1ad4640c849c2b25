SELECT * FROM runs WHERE study = $study ORDER BY stored_at;
