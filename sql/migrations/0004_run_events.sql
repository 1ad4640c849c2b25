-- How runs went, said as they begin and end. A run that began, never ended and whose process is gone was killed.

CREATE SEQUENCE run_event_seq;

CREATE TABLE run_events (
    seq      BIGINT PRIMARY KEY DEFAULT nextval('run_event_seq'),
    study    VARCHAR NOT NULL,
    run_id   VARCHAR, -- NULL: refused before it had one
    flow_run VARCHAR, -- Prefect's id of the run
    event    VARCHAR NOT NULL CHECK (event IN ('began', 'published', 'unchanged', 'stopped', 'budget-reached',
                                               'failed', 'cancelled', 'died')),
    message  VARCHAR NOT NULL,
    host     VARCHAR NOT NULL,
    process  BIGINT NOT NULL,
    said_at  TIMESTAMPTZ NOT NULL DEFAULT now()
);
