SELECT * FROM runs WHERE study = $study AND status = 'stopped' ORDER BY stored_at DESC LIMIT 1;
