"""The journal's file: its tables, how it is opened, and what its errors mean."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from moored.errors import DiskFull, MooredError, SchemaNewer, StoreLocked
from moored.storage.files import private
from moored.storage.place import unwritable

SCHEMA = 1
BUSY_S = 60.0
_TABLES = """
CREATE TABLE IF NOT EXISTS replies (
    key TEXT PRIMARY KEY, request TEXT NOT NULL, reply TEXT NOT NULL, prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL, latency_s REAL NOT NULL, created REAL NOT NULL);
CREATE TABLE IF NOT EXISTS calls (
    call INTEGER PRIMARY KEY, study TEXT NOT NULL, source TEXT NOT NULL, key TEXT NOT NULL,
    started REAL NOT NULL, ended REAL, outcome TEXT, http_status INTEGER,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, usd REAL NOT NULL,
    prices TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS calls_study ON calls (study, started);
CREATE TABLE IF NOT EXISTS totals (
    study TEXT PRIMARY KEY, requests INTEGER NOT NULL DEFAULT 0, prompt_tokens INTEGER NOT NULL DEFAULT 0,
    completion_tokens INTEGER NOT NULL DEFAULT 0, usd REAL NOT NULL DEFAULT 0, ok INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0, refused INTEGER NOT NULL DEFAULT 0,
    over_budget INTEGER NOT NULL DEFAULT 0, cached INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS buckets (scope TEXT PRIMARY KEY, free_at REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS abilities (endpoint TEXT PRIMARY KEY, abilities TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS batches (
    batch TEXT PRIMARY KEY, study TEXT NOT NULL, source TEXT NOT NULL, endpoint TEXT NOT NULL,
    status TEXT NOT NULL, created REAL NOT NULL, calls TEXT NOT NULL) WITHOUT ROWID;
"""


def open_journal(path: Path) -> sqlite3.Connection:
    """A connection; the file and its tables are made if need be. Errors: `SchemaNewer`, `StoreLocked`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with private:  # SQLite's logs beside it take its mode
            connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
            version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA:
            connection.close()
            raise SchemaNewer(
                f"{path} was written by a newer moored (schema {version}, this one knows {SCHEMA})"
            )
        connection.execute(f"PRAGMA busy_timeout = {int(BUSY_S * 1000)}")
        if version < SCHEMA:
            _create(connection)
        connection.execute("PRAGMA synchronous = FULL")
    except (sqlite3.Error, OSError) as error:
        raise plain_error(path, error) from error
    return connection


def _create(connection: sqlite3.Connection) -> None:
    deadline = time.monotonic() + BUSY_S
    while True:  # two processes may turn WAL on at once; SQLite does not wait here by itself
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
    connection.execute("BEGIN IMMEDIATE")
    for statement in _TABLES.split(";\n"):
        if statement.strip():
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {SCHEMA}")
    connection.execute("COMMIT")


def plain_error(path: Path, error: Exception) -> MooredError:
    """SQLite's error as a sentence."""
    text = str(error)
    if "locked" in text or "busy" in text:
        return StoreLocked(f"another process has held {path} for {BUSY_S:.0f} s; let it end, then run again")
    if "full" in text or "disk I/O" in text:
        return DiskFull(f"{path} cannot grow ({text}); free disk space and run again, what is stored stays")
    if "readonly" in text or "unable to open" in text or isinstance(error, OSError):
        return unwritable(path, error)
    return MooredError(f"cannot use the journal {path}: {text}")
