SELECT recipe FROM recipes WHERE fingerprint = $fingerprint;
