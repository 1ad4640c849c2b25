-- How many recipes of each source were tried on one data version, that is, against the same labels.
SELECT source, count(DISTINCT recipe) AS recipes
FROM plans
WHERE study = $study AND data_version = $data_version
GROUP BY source;
