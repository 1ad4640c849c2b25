SELECT run_id FROM run_events WHERE flow_run = $flow_run AND event = 'began' ORDER BY seq DESC LIMIT 1;
