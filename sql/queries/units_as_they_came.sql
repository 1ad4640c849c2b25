-- How many units came, how many the data version has now, and of how many it says what came.
SELECT (SELECT count(*) FROM incoming) AS came,
       (SELECT count(*) FROM units WHERE study = $study AND data_version = $data_version) AS stored,
       (SELECT count(*)
        FROM units u JOIN incoming i ON i.unit_id = u.unit_id
        WHERE u.study = $study AND u.data_version = $data_version
          AND u.content_hash = i.content_hash
          AND u.labelled = i.labelled
          AND u.probability = coalesce(i.probability, $probability)
          AND u."cluster" IS NOT DISTINCT FROM i."cluster"
          AND u.held_back IS NOT DISTINCT FROM i.held_back
          AND signbit(u.held_back) IS NOT DISTINCT FROM signbit(i.held_back)) AS same;
