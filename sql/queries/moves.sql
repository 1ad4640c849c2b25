SELECT version, newest, reason, moved_at FROM moves WHERE study = $study ORDER BY seq;
