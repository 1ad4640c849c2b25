-- How the runs of a study ended (of every study where none is named), oldest first; of many, the last $most.
SELECT study, run_id, flow_run, event, message, said_at
FROM (
    SELECT *
    FROM run_events
    WHERE event <> 'began' AND ($study IS NULL OR study = $study)
    ORDER BY seq DESC
    LIMIT coalesce($most, 1000000000)
)
ORDER BY seq;
