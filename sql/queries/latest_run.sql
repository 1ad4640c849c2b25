SELECT * FROM latest_runs WHERE study = $study;
