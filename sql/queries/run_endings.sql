-- How the runs of a study ended (of every study where none is named), oldest first.
SELECT study, run_id, event, message, said_at
FROM run_events
WHERE event <> 'began' AND ($study IS NULL OR study = $study)
ORDER BY seq;
