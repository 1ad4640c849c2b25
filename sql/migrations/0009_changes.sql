-- A data version is stored as what changed: a row stands once for as long as it holds, from the version where it
-- came (`since`) to the one that no longer has it (`row_ends.gone`). `units`, `unit_values` and `unit_words` are
-- views that give every version whole.

CREATE SEQUENCE row_seq;

CREATE TABLE numbered_versions (
    study        VARCHAR NOT NULL,
    data_version VARCHAR NOT NULL,
    position     INTEGER NOT NULL, -- 1, 2, ... in the order in which a study's versions were stored
    units        BIGINT NOT NULL,
    labelled     BIGINT NOT NULL,
    probability  DOUBLE, -- of every unit; NULL where units differ: then it stands with each
    stored_at    TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (study, data_version),
    UNIQUE (study, position)
);

INSERT INTO numbered_versions BY NAME
SELECT v.*, p.probability,
       row_number() OVER (PARTITION BY v.study ORDER BY v.stored_at, v.data_version) AS position
FROM data_versions v
LEFT JOIN (
    SELECT study, data_version, min(probability) AS probability
    FROM units
    GROUP BY study, data_version
    HAVING min(probability) = max(probability)
) p ON p.study = v.study AND p.data_version = v.data_version;

DROP TABLE data_versions;
ALTER TABLE numbered_versions RENAME TO data_versions;

CREATE TABLE unit_rows (
    row_id       BIGINT NOT NULL DEFAULT nextval('row_seq'),
    study        VARCHAR NOT NULL,
    unit_id      VARCHAR NOT NULL,
    since        INTEGER NOT NULL,
    content_hash VARCHAR NOT NULL,
    labelled     BOOLEAN NOT NULL,
    probability  DOUBLE,
    "cluster"    VARCHAR,
    held_back    DOUBLE
);

CREATE TABLE value_rows (
    row_id   BIGINT NOT NULL DEFAULT nextval('row_seq'),
    study    VARCHAR NOT NULL,
    unit_id  VARCHAR NOT NULL,
    variable VARCHAR NOT NULL,
    since    INTEGER NOT NULL,
    value    DOUBLE,
    word     VARCHAR,
    CHECK ((value IS NULL) <> (word IS NULL))
);

-- `row_id` is of either table. A row without an end holds still.
CREATE TABLE row_ends (
    row_id BIGINT PRIMARY KEY,
    gone   INTEGER NOT NULL
);

-- What stood whole in every version becomes spans: a span begins where the version before lacks the unit or says
-- something else of it. 0.0 and -0.0 are equal to SQL and not to us.
CREATE TEMP TABLE spans AS
WITH versions AS (
    SELECT u.*, v.position, v.probability AS of_all
    FROM units u JOIN data_versions v ON v.study = u.study AND v.data_version = u.data_version
),
said AS (
    SELECT study, unit_id, position, content_hash, labelled,
           CASE WHEN of_all IS NULL THEN probability END AS probability, "cluster", held_back
    FROM versions
),
begun AS (
    SELECT *,
           lag(position) OVER w IS DISTINCT FROM position - 1
           OR lag(content_hash) OVER w IS DISTINCT FROM content_hash
           OR lag(labelled) OVER w IS DISTINCT FROM labelled
           OR lag(probability) OVER w IS DISTINCT FROM probability
           OR lag("cluster") OVER w IS DISTINCT FROM "cluster"
           OR lag(held_back) OVER w IS DISTINCT FROM held_back
           OR lag(signbit(held_back)) OVER w IS DISTINCT FROM signbit(held_back) AS begins
    FROM said
    WINDOW w AS (PARTITION BY study, unit_id ORDER BY position)
),
counted AS (
    SELECT *, count(*) FILTER (begins) OVER (PARTITION BY study, unit_id ORDER BY position) AS span FROM begun
),
ends AS (
    SELECT study, unit_id, span, min(position) AS since, max(position) + 1 AS gone
    FROM counted
    GROUP BY study, unit_id, span
)
SELECT nextval('row_seq') AS row_id, c.*, e.since, e.gone
FROM counted c JOIN ends e ON e.study = c.study AND e.unit_id = c.unit_id AND e.span = c.span
WHERE c.begins;

INSERT INTO unit_rows BY NAME
SELECT row_id, study, unit_id, since, content_hash, labelled, probability, "cluster", held_back
FROM spans
ORDER BY study, since, unit_id;

INSERT INTO row_ends BY NAME
SELECT row_id, gone
FROM spans s
WHERE gone <= (SELECT max(position) FROM data_versions v WHERE v.study = s.study);

DROP TABLE spans;

CREATE TEMP TABLE spans AS
WITH said AS (
    SELECT x.study, x.unit_id, x.variable, v.position, x.value, NULL AS word
    FROM unit_values x JOIN data_versions v ON v.study = x.study AND v.data_version = x.data_version
    UNION ALL
    SELECT x.study, x.unit_id, x.variable, v.position, NULL, x.word
    FROM unit_words x JOIN data_versions v ON v.study = x.study AND v.data_version = x.data_version
),
begun AS (
    SELECT *,
           lag(position) OVER w IS DISTINCT FROM position - 1
           OR lag(value) OVER w IS DISTINCT FROM value
           OR lag(signbit(value)) OVER w IS DISTINCT FROM signbit(value)
           OR lag(word) OVER w IS DISTINCT FROM word AS begins
    FROM said
    WINDOW w AS (PARTITION BY study, unit_id, variable ORDER BY position)
),
counted AS (
    SELECT *, count(*) FILTER (begins) OVER (PARTITION BY study, unit_id, variable ORDER BY position) AS span
    FROM begun
),
ends AS (
    SELECT study, unit_id, variable, span, min(position) AS since, max(position) + 1 AS gone
    FROM counted
    GROUP BY study, unit_id, variable, span
)
SELECT nextval('row_seq') AS row_id, c.*, e.since, e.gone
FROM counted c
JOIN ends e ON e.study = c.study AND e.unit_id = c.unit_id AND e.variable = c.variable AND e.span = c.span
WHERE c.begins;

INSERT INTO value_rows BY NAME
SELECT row_id, study, unit_id, variable, since, value, word
FROM spans
ORDER BY study, since, variable, unit_id;

INSERT INTO row_ends BY NAME
SELECT row_id, gone
FROM spans s
WHERE gone <= (SELECT max(position) FROM data_versions v WHERE v.study = s.study);

DROP TABLE spans;
DROP TABLE units;
DROP TABLE unit_values;
DROP TABLE unit_words;

CREATE VIEW units AS
SELECT v.study, v.data_version, r.unit_id, r.content_hash, r.labelled,
       coalesce(v.probability, r.probability) AS probability, r."cluster", r.held_back
FROM data_versions v
JOIN unit_rows r ON r.study = v.study AND r.since <= v.position
LEFT JOIN row_ends e ON e.row_id = r.row_id
WHERE e.gone IS NULL OR e.gone > v.position;

CREATE VIEW unit_values AS
SELECT v.study, v.data_version, r.unit_id, r.variable, r.value
FROM data_versions v
JOIN value_rows r ON r.study = v.study AND r.since <= v.position
LEFT JOIN row_ends e ON e.row_id = r.row_id
WHERE r.value IS NOT NULL AND (e.gone IS NULL OR e.gone > v.position);

CREATE VIEW unit_words AS
SELECT v.study, v.data_version, r.unit_id, r.variable, r.word
FROM data_versions v
JOIN value_rows r ON r.study = v.study AND r.since <= v.position
LEFT JOIN row_ends e ON e.row_id = r.row_id
WHERE r.word IS NOT NULL AND (e.gone IS NULL OR e.gone > v.position);
