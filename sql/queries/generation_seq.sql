SELECT coalesce(max(seq), 0) AS seq FROM generations WHERE study = $study;
