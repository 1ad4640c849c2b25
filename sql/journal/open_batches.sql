SELECT batch, calls
FROM batches
WHERE study = :study AND source = :source AND endpoint = :endpoint AND status = 'open'
ORDER BY created;
