INSERT INTO runs (run_id, study, version, status, inputs, study_fingerprint, data_version, code_version,
                  recipes, generation_seq, headline, marks, override_reason, counts, timings, started_at)
VALUES ($run_id, $study, $version, $status, $inputs, $study_fingerprint, $data_version, $code_version,
        $recipes, $generation_seq, $headline, $marks, $override_reason, $counts, $timings, $started_at);
