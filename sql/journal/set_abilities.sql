INSERT OR REPLACE INTO abilities (endpoint, abilities) VALUES (:endpoint, :abilities);
