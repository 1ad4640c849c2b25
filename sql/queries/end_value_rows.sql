-- Rows that held until now end with the version at $position, where it lacks the value or has another one.
INSERT INTO row_ends
SELECT r.row_id, $position
FROM value_rows r LEFT JOIN incoming i ON i.unit_id = r.unit_id AND i.variable = r.variable
WHERE r.study = $study
  AND NOT EXISTS (SELECT 1 FROM row_ends e WHERE e.row_id = r.row_id)
  AND (i.unit_id IS NULL
       OR i.value IS DISTINCT FROM r.value
       OR signbit(i.value) IS DISTINCT FROM signbit(r.value)
       OR i.word IS DISTINCT FROM r.word);
