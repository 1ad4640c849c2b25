INSERT INTO buckets (scope, free_at) VALUES (:scope, :free_at)
ON CONFLICT DO UPDATE SET free_at = excluded.free_at;
