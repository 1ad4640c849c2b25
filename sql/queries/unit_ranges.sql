-- The first and the last of $at_once units after the other.
SELECT min(unit_id) AS first, max(unit_id) AS last
FROM (
    SELECT unit_id, (row_number() OVER (ORDER BY unit_id) - 1) // $at_once AS part
    FROM units
    WHERE study = $study AND data_version = $data_version
)
GROUP BY part
ORDER BY part;
