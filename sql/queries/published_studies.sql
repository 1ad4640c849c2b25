SELECT DISTINCT study FROM runs WHERE status = 'published' ORDER BY study;
