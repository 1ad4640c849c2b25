SELECT (SELECT count(*) FROM runs) AS runs, (SELECT count(*) FROM moves) AS moves;
