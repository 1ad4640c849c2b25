SELECT * FROM runs WHERE study = $study AND status = 'published' ORDER BY version DESC LIMIT 1;
