SELECT count(*) FROM batches WHERE study = :study AND status = 'open';
