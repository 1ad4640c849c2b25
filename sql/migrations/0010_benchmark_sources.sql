-- What each source of a benchmark task knows of the task's own coefficient.
CREATE TABLE benchmark_sources (
    benchmark_id VARCHAR NOT NULL,
    position     INTEGER NOT NULL,
    task         VARCHAR NOT NULL,
    family       VARCHAR NOT NULL,
    source       VARCHAR NOT NULL,
    kind         VARCHAR NOT NULL,
    r2           DOUBLE NOT NULL,
    r2_adjusted  DOUBLE NOT NULL,
    r2_beyond    DOUBLE NOT NULL,
    PRIMARY KEY (benchmark_id, task, family, source)
);
