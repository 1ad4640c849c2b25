"""A database of its own for the user's SQL: no files, no network, no settings to change, and a limit of time.

It computes in one thread and in UTC: sums of several threads differ in their last digits each time, and the hour
of an instant differs between machines.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from moored.errors import StudyInvalid

TIME_LIMIT_S = 60.0
"""The longest that one rule or query may compute."""
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "python_enable_replacements": "false",
    "threads": 1,
}


def open_sandbox(path: Path | None = None) -> duckdb.DuckDBPyConnection:
    """A sandbox in memory, or over a DuckDB file, which it can only read."""
    if path is None:
        opened = duckdb.connect(":memory:", config=_CONFIG)
    else:
        opened = duckdb.connect(path, read_only=True, config=_CONFIG)
    in_utc(opened)
    # A second connection to one file finds it locked.
    with suppress(duckdb.InvalidInputException):
        opened.execute("SET lock_configuration = true")
    return opened


def in_utc(connection: duckdb.DuckDBPyConnection) -> None:
    """Instants as they are in UTC, not where this machine is."""
    # A second connection to the sandbox of one file cannot, and need not: the first has set it.
    with suppress(duckdb.InvalidInputException):
        connection.execute("SET GLOBAL TimeZone = 'UTC'")


@contextmanager
def time_limit(connection: duckdb.DuckDBPyConnection, what: str) -> Iterator[None]:
    """Interrupt what the block computes when its time is over. Errors: `StudyInvalid`."""
    timer = threading.Timer(TIME_LIMIT_S, connection.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    except duckdb.InterruptException as error:
        raise StudyInvalid(
            f"{what} did not end within {TIME_LIMIT_S:g} seconds; write it without a loop, or compute the column "
            "once and keep it in the table"
        ) from error
    finally:
        timer.cancel()


def said(error: Exception) -> str:
    """What DuckDB says: its whole sentence, without the copy of the statement and the hints on settings."""
    lines = []
    for line in str(error).splitlines():
        if not line.strip() or line.strip().startswith(("LINE ", "Possible ", "Candidate")):
            break
        lines.append(line.strip())
    return " ".join(lines).rstrip(".") or type(error).__name__
