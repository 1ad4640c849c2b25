UPDATE batches SET batch = :batch WHERE batch = :known;
