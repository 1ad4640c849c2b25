-- Rows that held until now end with the version at $position, where it lacks the unit or says something else of it.
INSERT INTO row_ends
SELECT r.row_id, $position
FROM unit_rows r LEFT JOIN incoming i ON i.unit_id = r.unit_id
WHERE r.study = $study
  AND NOT EXISTS (SELECT 1 FROM row_ends e WHERE e.row_id = r.row_id)
  AND (i.unit_id IS NULL
       OR i.content_hash <> r.content_hash
       OR i.labelled <> r.labelled
       OR i.probability IS DISTINCT FROM r.probability
       OR i."cluster" IS DISTINCT FROM r."cluster"
       OR i.held_back IS DISTINCT FROM r.held_back
       OR signbit(i.held_back) IS DISTINCT FROM signbit(r.held_back));
