INSERT INTO schema_migrations (number, name) VALUES ($number, $name);
