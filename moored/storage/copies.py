"""Copies of an open database, by DuckDB itself: consistent, checkpointed, and whole or not there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from moored.errors import MooredError
from moored.storage.files import private, replacing
from moored.storage.queries import query

_one_at_a_time = threading.Lock()
"""Threads of one process share DuckDB's names of attached databases."""


@contextmanager
def new_database(connection: duckdb.DuckDBPyConnection, path: Path) -> Iterator[None]:
    """An empty database, attached as `target`, which stands at `path` once the block has ended well.

    Errors: `MooredError` where it cannot be written; what was at `path` stays.
    """
    try:
        with _one_at_a_time, private, replacing(path) as unfinished:
            connection.execute(query("attach_target"), {"path": str(unfinished)}).fetchall()
            try:
                yield
            finally:
                connection.execute(query("detach_target")).fetchall()
    except (duckdb.Error, OSError) as error:
        raise MooredError(
            f"{path} cannot be written ({str(error).splitlines()[0]}); see that there is space and that the "
            "folder is yours, then try again: the store is as it was"
        ) from error


def copy_database(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Everything in the database that `connection` has open, as a file at `path`, which it replaces."""
    name = connection.execute(query("current_database")).fetchall()[0][0]
    # DuckDB names a database after its file, and a name cannot be bound.
    copy = query("copy_database").replace('"store"', '"' + name.replace('"', '""') + '"')
    with new_database(connection, path):
        connection.execute(copy).fetchall()
