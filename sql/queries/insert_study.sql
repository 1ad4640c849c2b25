-- Clocks decide nothing: what is stored last has the latest time, also where the clock was put back.
INSERT INTO studies (fingerprint, study, spec, folder, stored_at)
SELECT $fingerprint, $study, $spec, $folder,
       greatest(now(), (SELECT max(stored_at) + INTERVAL 1 MICROSECOND FROM studies WHERE study = $study))
ON CONFLICT DO UPDATE SET folder = excluded.folder, stored_at = excluded.stored_at;
