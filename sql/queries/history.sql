SELECT run_id, version, status, data_version, study_fingerprint, code_version, recipes, headline, marks,
       override_reason, counts, timings, started_at, stored_at
FROM runs
WHERE study = $study
ORDER BY stored_at;
