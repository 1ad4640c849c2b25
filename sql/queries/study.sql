SELECT spec, folder FROM studies WHERE study = $study ORDER BY stored_at DESC LIMIT 1;
