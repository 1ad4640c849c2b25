-- How many units of one source are in which state, as `units_in_state` tells it.
WITH last AS (
    SELECT g.unit_id, g.content_hash, g.status
    FROM generations g
    WHERE g.study = $study AND g.source = $source AND g.recipe = $recipe
    QUALIFY row_number() OVER (PARTITION BY g.unit_id, g.content_hash, g.step, g.draw ORDER BY g.seq DESC) = 1
),
states AS (
    SELECT u.unit_id,
           CASE
               WHEN count(g.status) < $expected OR bool_or(g.status = 'over-budget') THEN 'missing'
               WHEN bool_or(g.status = 'refused') THEN 'refused'
               WHEN bool_or(g.status = 'failed') THEN 'failed'
               ELSE 'ok'
           END AS state
    FROM units u LEFT JOIN last g USING (unit_id, content_hash)
    WHERE u.study = $study AND u.data_version = $data_version
    GROUP BY u.unit_id
)
SELECT count(*) AS expected,
       count(*) FILTER (state = 'ok') AS ok,
       count(*) FILTER (state = 'failed') AS failed,
       count(*) FILTER (state = 'refused') AS refused,
       count(*) FILTER (state = 'missing') AS missing
FROM states;
