UPDATE batches SET status = :status WHERE batch = :batch;
