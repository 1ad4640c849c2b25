SELECT key FROM calls WHERE study = :study AND source = :source AND outcome = 'batch-refused';
