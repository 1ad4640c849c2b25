-- Runs that began and never said how they ended, oldest first.
SELECT b.study, b.run_id, b.flow_run, b.host, b.process, b.said_at
FROM run_events b
WHERE b.event = 'began'
  AND NOT EXISTS (SELECT 1 FROM run_events e WHERE e.run_id = b.run_id AND e.event <> 'began')
ORDER BY b.seq;
