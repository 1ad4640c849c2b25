SELECT free_at FROM buckets WHERE scope = :scope;
