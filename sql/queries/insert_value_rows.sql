-- The values of the version at $position that no row holds for.
INSERT INTO value_rows (study, unit_id, variable, since, value, word)
SELECT $study, i.unit_id, i.variable, $position, i.value, i.word
FROM incoming i
ANTI JOIN (
    SELECT r.unit_id, r.variable FROM value_rows r
    WHERE r.study = $study AND NOT EXISTS (SELECT 1 FROM row_ends e WHERE e.row_id = r.row_id)
) holding ON holding.unit_id = i.unit_id AND holding.variable = i.variable
ORDER BY i.variable, i.unit_id;
