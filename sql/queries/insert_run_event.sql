INSERT INTO run_events (study, run_id, flow_run, event, message, host, process)
VALUES ($study, $run_id, $flow_run, $event, $message, $host, $process);
