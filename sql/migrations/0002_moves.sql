-- Rollbacks: `latest` is moved, nothing is deleted. A move holds until a newer version is published.

CREATE SEQUENCE move_seq;

CREATE TABLE moves (
    seq      BIGINT PRIMARY KEY DEFAULT nextval('move_seq'),
    study    VARCHAR NOT NULL,
    version  INTEGER NOT NULL,
    newest   INTEGER NOT NULL, -- the newest version then; clocks decide nothing
    reason   VARCHAR,
    moved_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE OR REPLACE VIEW latest_runs AS
WITH newest AS (
    SELECT study, max(version) AS version FROM runs WHERE status = 'published' GROUP BY study
),
moved AS (
    SELECT m.study, arg_max(m.version, m.seq) AS version
    FROM moves m JOIN newest n ON n.study = m.study AND n.version = m.newest
    GROUP BY m.study
)
SELECT r.*
FROM runs r JOIN newest n ON n.study = r.study LEFT JOIN moved m ON m.study = r.study
WHERE r.version = coalesce(m.version, n.version);

CREATE OR REPLACE VIEW latest AS
SELECT r.study, r.version, e.* FROM latest_runs r JOIN estimates e USING (run_id);
