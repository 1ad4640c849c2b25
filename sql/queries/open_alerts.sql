-- Of each kind the last alert about a study since it last recovered.
SELECT kind, arg_max(message, seq) AS message
FROM alerts
WHERE study = $study AND kind NOT IN ('recovered', 'drift')
  AND seq > coalesce((SELECT max(seq) FROM alerts WHERE study = $study AND kind = 'recovered'), 0)
GROUP BY kind
ORDER BY kind;
