"""The database's room: the only one that imports duckdb."""
