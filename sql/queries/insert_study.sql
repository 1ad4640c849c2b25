INSERT INTO studies (fingerprint, study, spec, folder)
VALUES ($fingerprint, $study, $spec, $folder)
ON CONFLICT DO UPDATE SET folder = excluded.folder, stored_at = now();
