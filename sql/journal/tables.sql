CREATE TABLE IF NOT EXISTS replies (
    key               TEXT PRIMARY KEY,
    request           TEXT NOT NULL,
    reply             TEXT NOT NULL,
    prompt_tokens     INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    latency_s         REAL NOT NULL,
    created           REAL NOT NULL
);

CREATE TABLE IF NOT EXISTS calls (
    call              INTEGER PRIMARY KEY,
    study             TEXT NOT NULL,
    source            TEXT NOT NULL,
    key               TEXT NOT NULL,
    started           REAL NOT NULL,
    ended             REAL,
    outcome           TEXT,
    http_status       INTEGER,
    prompt_tokens     INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    usd               REAL NOT NULL,
    prices            TEXT NOT NULL
);

CREATE INDEX IF NOT EXISTS calls_study ON calls (study, started);

CREATE TABLE IF NOT EXISTS totals (
    study             TEXT PRIMARY KEY,
    requests          INTEGER NOT NULL DEFAULT 0,
    prompt_tokens     INTEGER NOT NULL DEFAULT 0,
    completion_tokens INTEGER NOT NULL DEFAULT 0,
    usd               REAL NOT NULL DEFAULT 0,
    ok                INTEGER NOT NULL DEFAULT 0,
    failed            INTEGER NOT NULL DEFAULT 0,
    refused           INTEGER NOT NULL DEFAULT 0,
    over_budget       INTEGER NOT NULL DEFAULT 0,
    cached            INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS buckets (
    scope   TEXT PRIMARY KEY,
    free_at REAL NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS abilities (
    endpoint  TEXT PRIMARY KEY,
    abilities TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS batches (
    batch    TEXT PRIMARY KEY,
    study    TEXT NOT NULL,
    source   TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    status   TEXT NOT NULL,
    created  REAL NOT NULL,
    calls    TEXT NOT NULL
) WITHOUT ROWID;
