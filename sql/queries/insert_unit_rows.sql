-- The units of the version at $position that no row holds for.
INSERT INTO unit_rows (study, unit_id, since, content_hash, labelled, probability, "cluster", held_back)
SELECT $study, i.unit_id, $position, i.content_hash, i.labelled, i.probability, i."cluster", i.held_back
FROM incoming i
ANTI JOIN (
    SELECT r.unit_id FROM unit_rows r
    WHERE r.study = $study AND NOT EXISTS (SELECT 1 FROM row_ends e WHERE e.row_id = r.row_id)
) holding ON holding.unit_id = i.unit_id
ORDER BY i.unit_id;
