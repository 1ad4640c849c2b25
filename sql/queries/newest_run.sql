-- By the order in which runs were stored: a clock may have been put back.
SELECT * FROM runs WHERE study = $study ORDER BY rowid DESC LIMIT 1;
