-- The store: raw texts, the study's units, generations, checks and versioned results.
-- Rows are appended, never edited. A run's own row is written last, in the transaction of its results.

CREATE SEQUENCE generation_seq;

CREATE TABLE studies (
    fingerprint VARCHAR PRIMARY KEY,
    study       VARCHAR NOT NULL,
    spec        JSON NOT NULL,
    folder      VARCHAR NOT NULL,
    stored_at   TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE TABLE texts (
    study        VARCHAR NOT NULL,
    unit_id      VARCHAR NOT NULL,
    content_hash VARCHAR NOT NULL,
    text         VARCHAR NOT NULL,
    fields       JSON NOT NULL,
    stored_at    TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (study, unit_id, content_hash)
);

CREATE TABLE data_versions (
    study        VARCHAR NOT NULL,
    data_version VARCHAR NOT NULL,
    units        BIGINT NOT NULL,
    labelled     BIGINT NOT NULL,
    stored_at    TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (study, data_version)
);

CREATE TABLE units (
    study        VARCHAR NOT NULL,
    data_version VARCHAR NOT NULL,
    unit_id      VARCHAR NOT NULL,
    content_hash VARCHAR NOT NULL,
    labelled     BOOLEAN NOT NULL,
    probability  DOUBLE NOT NULL,
    cluster      VARCHAR,
    held_back    DOUBLE,
    PRIMARY KEY (study, data_version, unit_id)
);

CREATE TABLE unit_values (
    study        VARCHAR NOT NULL,
    data_version VARCHAR NOT NULL,
    unit_id      VARCHAR NOT NULL,
    variable     VARCHAR NOT NULL,
    value        DOUBLE NOT NULL,
    PRIMARY KEY (study, data_version, unit_id, variable)
);

CREATE TABLE generations (
    seq               BIGINT NOT NULL DEFAULT nextval('generation_seq'),
    run_id            VARCHAR NOT NULL,
    study             VARCHAR NOT NULL,
    unit_id           VARCHAR NOT NULL,
    source            VARCHAR NOT NULL,
    step              VARCHAR NOT NULL,
    draw              INTEGER NOT NULL,
    recipe            VARCHAR NOT NULL,
    content_hash      VARCHAR NOT NULL,
    request_key       VARCHAR,
    reply             VARCHAR,
    text              VARCHAR,
    value             DOUBLE,
    status            VARCHAR NOT NULL CHECK (status IN ('ok', 'failed', 'refused', 'over-budget')),
    error             VARCHAR,
    error_kind        VARCHAR,
    attempts          INTEGER NOT NULL,
    cached            BOOLEAN NOT NULL,
    prompt_tokens     BIGINT NOT NULL,
    completion_tokens BIGINT NOT NULL,
    usd               DOUBLE NOT NULL,
    prices            VARCHAR NOT NULL,
    latency_s         DOUBLE NOT NULL,
    flag              VARCHAR,
    stored_at         TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE TABLE recipes (
    fingerprint VARCHAR PRIMARY KEY,
    recipe      JSON NOT NULL,
    stored_at   TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- What a run set out to generate: `expected_rows` terminal rows a unit, for each source.
CREATE TABLE plans (
    run_id        VARCHAR NOT NULL,
    study         VARCHAR NOT NULL,
    data_version  VARCHAR NOT NULL,
    source        VARCHAR NOT NULL,
    recipe        VARCHAR NOT NULL,
    expected_rows INTEGER NOT NULL,
    position      INTEGER NOT NULL,
    stored_at     TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (run_id, source)
);

CREATE TABLE checks (
    run_id    VARCHAR NOT NULL,
    suite     VARCHAR NOT NULL,
    "check"   VARCHAR NOT NULL,
    severity  VARCHAR NOT NULL,
    passed    BOOLEAN NOT NULL,
    observed  VARCHAR,
    threshold VARCHAR,
    unit_ids  VARCHAR[] NOT NULL,
    message   VARCHAR NOT NULL
);

CREATE TABLE estimates (
    run_id       VARCHAR NOT NULL,
    estimator    VARCHAR NOT NULL,
    term         VARCHAR NOT NULL,
    position     INTEGER NOT NULL,
    estimate     DOUBLE NOT NULL,
    se           DOUBLE NOT NULL,
    lower        DOUBLE NOT NULL,
    upper        DOUBLE NOT NULL,
    p_value      DOUBLE NOT NULL,
    effective_n  DOUBLE,
    labels_saved DOUBLE,
    r2           DOUBLE,
    PRIMARY KEY (run_id, estimator, term)
);

CREATE TABLE fits (
    run_id     VARCHAR NOT NULL,
    estimator  VARCHAR NOT NULL,
    family     VARCHAR NOT NULL,
    level      DOUBLE NOT NULL,
    n_labelled BIGINT NOT NULL,
    n_total    BIGINT NOT NULL,
    j          DOUBLE,
    j_df       INTEGER,
    j_p_value  DOUBLE,
    warnings   VARCHAR[] NOT NULL,
    PRIMARY KEY (run_id, estimator)
);

CREATE TABLE runs (
    run_id            VARCHAR PRIMARY KEY,
    study             VARCHAR NOT NULL,
    version           INTEGER,
    status            VARCHAR NOT NULL CHECK (status IN ('published', 'stopped')),
    inputs            VARCHAR NOT NULL,
    study_fingerprint VARCHAR NOT NULL,
    data_version      VARCHAR NOT NULL,
    code_version      VARCHAR NOT NULL,
    recipes           JSON NOT NULL,
    generation_seq    BIGINT NOT NULL,
    headline          VARCHAR,
    marks             VARCHAR[] NOT NULL,
    override_reason   VARCHAR,
    counts            JSON NOT NULL,
    timings           JSON NOT NULL,
    started_at        TIMESTAMPTZ NOT NULL,
    stored_at         TIMESTAMPTZ NOT NULL DEFAULT now(),
    UNIQUE (study, version),
    CHECK ((status = 'published') = (version IS NOT NULL))
);

CREATE VIEW latest_runs AS
SELECT * FROM runs WHERE status = 'published'
QUALIFY row_number() OVER (PARTITION BY study ORDER BY version DESC) = 1;

CREATE VIEW latest AS
SELECT r.study, r.version, e.* FROM latest_runs r JOIN estimates e USING (run_id);
