SELECT DISTINCT study FROM studies ORDER BY study;
