-- For each study: how its last run ended, when a run last ended well, and its latest version.
-- `known_at`: when the study first came into the store; each run stores it anew.
SELECT s.study, least(min(s.stored_at), any_value(e.known_at)) AS known_at,
       any_value(e.outcome) AS outcome, any_value(e.ended_at) AS ended_at, any_value(e.ended_well_at) AS ended_well_at,
       any_value(r.version) AS version, any_value(r.stored_at) AS published_at
FROM studies s
LEFT JOIN (
    SELECT study, min(said_at) AS known_at,
           arg_max(event, seq) FILTER (event <> 'began') AS outcome,
           arg_max(said_at, seq) FILTER (event <> 'began') AS ended_at,
           arg_max(said_at, seq) FILTER (event IN ('published', 'unchanged')) AS ended_well_at
    FROM run_events GROUP BY study
) e ON e.study = s.study
LEFT JOIN latest_runs r ON r.study = s.study
GROUP BY s.study
ORDER BY s.study;
