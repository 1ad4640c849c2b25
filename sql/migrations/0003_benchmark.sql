-- Benchmarks: appended, never edited, version by version; `benchmarks` is written last, in the transaction of its rows.

CREATE TABLE benchmark_results (
    benchmark_id VARCHAR NOT NULL,
    position     INTEGER NOT NULL,
    task         VARCHAR NOT NULL,
    family       VARCHAR NOT NULL,
    design       VARCHAR NOT NULL,
    fraction     DOUBLE NOT NULL,
    estimator    VARCHAR NOT NULL,
    term         VARCHAR NOT NULL,
    n            INTEGER NOT NULL,
    truth        DOUBLE NOT NULL,
    trials       INTEGER NOT NULL,
    failed       INTEGER NOT NULL,
    failures     VARCHAR[] NOT NULL,
    mse          DOUBLE,
    bias         DOUBLE,
    coverage     DOUBLE,
    band_low     DOUBLE,
    band_high    DOUBLE,
    width        DOUBLE,
    mse_ratio    DOUBLE,
    effective_n  DOUBLE,
    labels_saved DOUBLE,
    claimed_n    DOUBLE,
    PRIMARY KEY (benchmark_id, task, family, design, fraction, estimator, term)
);

CREATE TABLE benchmark_tasks (
    benchmark_id    VARCHAR NOT NULL,
    position        INTEGER NOT NULL,
    task            VARCHAR NOT NULL,
    family          VARCHAR NOT NULL,
    term            VARCHAR NOT NULL,
    paper           BOOLEAN NOT NULL,
    units           INTEGER NOT NULL,
    truth           DOUBLE NOT NULL,
    truth_se        DOUBLE NOT NULL,
    naive_proxy     DOUBLE,
    naive_synthetic DOUBLE,
    r2_proxy        DOUBLE,
    r2_synthetic    DOUBLE,
    r2              DOUBLE,
    PRIMARY KEY (benchmark_id, task, family)
);

CREATE TABLE benchmark_worlds (
    benchmark_id VARCHAR NOT NULL,
    position     INTEGER NOT NULL,
    scenario     VARCHAR NOT NULL,
    world        VARCHAR NOT NULL,
    estimator    VARCHAR NOT NULL,
    n            INTEGER NOT NULL,
    units        INTEGER NOT NULL,
    sources      INTEGER NOT NULL,
    trials       INTEGER NOT NULL,
    failed       INTEGER NOT NULL,
    coverage     DOUBLE,
    band_low     DOUBLE,
    band_high    DOUBLE,
    bias         DOUBLE,
    mse_ratio    DOUBLE,
    j_rejected   DOUBLE,
    PRIMARY KEY (benchmark_id, scenario, world, estimator)
);

CREATE TABLE benchmark_timings (
    benchmark_id VARCHAR NOT NULL,
    task         VARCHAR NOT NULL,
    family       VARCHAR NOT NULL,
    estimator    VARCHAR NOT NULL,
    fits         INTEGER NOT NULL,
    ordinary     INTEGER NOT NULL,
    cpu_seconds  DOUBLE NOT NULL,
    PRIMARY KEY (benchmark_id, task, family, estimator)
);

CREATE TABLE benchmarks (
    benchmark_id VARCHAR PRIMARY KEY,
    version      INTEGER NOT NULL UNIQUE,
    plan         JSON NOT NULL,
    code_version VARCHAR NOT NULL,
    workers      INTEGER NOT NULL,
    wall_s       DOUBLE NOT NULL,
    started_at   TIMESTAMPTZ NOT NULL,
    stored_at    TIMESTAMPTZ NOT NULL DEFAULT now()
);
