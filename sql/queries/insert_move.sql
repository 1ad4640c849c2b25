INSERT INTO moves (study, version, newest, reason)
VALUES ($study, $version, (SELECT max(version) FROM runs WHERE study = $study), $reason)
RETURNING seq, study, version, newest, reason, moved_at;
