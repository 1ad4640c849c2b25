-- What somebody was told, so that the same is said once: until it changes, or has recovered.

CREATE SEQUENCE alert_seq;

CREATE TABLE alerts (
    seq     BIGINT PRIMARY KEY DEFAULT nextval('alert_seq'),
    study   VARCHAR NOT NULL,
    kind    VARCHAR NOT NULL,
    message VARCHAR NOT NULL,
    said_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
