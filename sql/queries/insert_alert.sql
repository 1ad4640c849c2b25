INSERT INTO alerts (study, kind, message) VALUES ($study, $kind, $message);
