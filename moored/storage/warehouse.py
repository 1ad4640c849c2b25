"""The DuckDB file: opened for as short as possible, migrated on opening, one writing process at a time."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from moored.errors import DiskFull, NotStored, StoreLocked
from moored.storage.copies import copy_database, new_database
from moored.storage.files import private
from moored.storage.place import refuse_other_file, refuse_unwritable, unwritable
from moored.storage.queries import query
from moored.storage.schema import migrate, up_to_date

if TYPE_CHECKING:
    import pandas as pd

CONFIG: dict[str, str | bool | int | float | list[str]] = {"python_enable_replacements": "false"}
_RETRY_S = 0.1
_CLOSING_S, _CLOSING_RETRY_S = 10.0, 0.005
"""How long a file may be closing in another thread of this process, and how often to look."""
_CONNECTING = threading.Lock()
"""DuckDB registers its functions on a file as the first connection is made; a second one in the meantime would lack
them."""
_FULL = re.compile(r"No space left|File too large|quota exceeded", re.IGNORECASE)
"""In what DuckDB repeats of the system's error."""


class Warehouse:
    """An open store. Every statement is a file of `sql/queries`; results are fetched before it returns."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.written_at: datetime | None = None
        """Where this is a snapshot: when it was written. It has no texts, units and generations."""

    def frame(self, name: str, values: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """The rows of a query."""
        return self._connection.execute(query(name), dict(values or {})).df()

    def rows(self, name: str, values: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """The rows of a query as dictionaries."""
        cursor = self._connection.execute(query(name), dict(values or {}))
        columns = [column[0] for column in cursor.description or []]
        return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]

    def row(self, name: str, values: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
        """The first row of a query, or None."""
        return next(iter(self.rows(name, values)), None)

    def append(self, name: str, frame: pd.DataFrame) -> None:
        """Run the INSERT of a query file over `frame`, which it names `incoming`."""
        if not frame.empty:
            with self.incoming(frame):
                self.rows(name)

    @contextmanager
    def incoming(self, frame: pd.DataFrame) -> Iterator[None]:
        """Queries find `frame` under the name `incoming`."""
        self._connection.register("incoming", frame)
        yield
        # Not after an error: an aborted transaction takes no further statement.
        self._connection.unregister("incoming")

    def copy_out(self, name: str, values: Mapping[str, Any], incoming: pd.DataFrame | None = None) -> int:
        """Run the COPY of a query file, over `incoming` where it names that; gives the rows written."""
        with nullcontext() if incoming is None else self.incoming(incoming):
            rows = self._connection.execute(query(name), dict(values)).fetchall()
        return int(rows[0][0])

    def fill(self, name: str, path: Path) -> None:
        """Make a database at `path`, which it replaces, by a query file that fills the database `target`."""
        with new_database(self._connection, path), self.transaction():
            self._connection.execute(query(name)).fetchall()

    def copy_to(self, path: Path) -> None:
        """All of the store as a file at `path`, which it replaces."""
        copy_database(self._connection, path)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing."""
        self._connection.begin()
        try:
            yield
        except BaseException:
            self._connection.rollback()
            raise
        self._connection.commit()


@contextmanager
def peek(path: Path) -> Iterator[Warehouse | None]:
    """The store if it is there and ready, else None: for a look beside a run of the same process."""
    if not path.exists():
        yield None
        return
    connection = _connect(path, patience_s=0)
    try:
        yield Warehouse(connection) if up_to_date(connection) else None
    finally:
        connection.close()


@contextmanager
def open_store(path: Path, *, create: bool = False, patience_s: float = 10.0) -> Iterator[Warehouse]:
    """Open the store at `path` and bring its schema up to date.

    Errors: `NotStored` (no such file, or no store), `StoreLocked` (held by another process for more than
    `patience_s` seconds), `SchemaNewer`, `DiskFull`, `StoreUnwritable`.
    """
    try:
        if not create and not path.exists():
            raise NotStored(f"there is no store at {path}; run a study first, or set MOORED_STORE")
        path.parent.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise unwritable(path, error) from error
    with private:
        connection = _connect(path, patience_s)
        try:
            migrate(connection, path)
            yield Warehouse(connection)
        except duckdb.Error as error:
            if "read-only mode" in str(error):
                raise unwritable(path, OSError(0, "it can only be read")) from error
            if _FULL.search(str(error)):
                raise DiskFull(
                    f"the store {path} cannot grow ({str(error).splitlines()[0]}); free disk space and run "
                    "again, what is stored stays"
                ) from error
            raise
        finally:
            connection.close()


def _connect(path: Path, patience_s: float) -> duckdb.DuckDBPyConnection:
    refuse_other_file(path)
    began = time.monotonic()
    while True:
        try:
            with _CONNECTING:
                return duckdb.connect(path, config=CONFIG)
        except duckdb.ResourceInUseException as error:
            # The last connection of another thread is just being closed: no longer shared, not yet gone.
            if time.monotonic() > began + _CLOSING_S:
                raise _locked(path, f"PID {os.getpid()}") from error
            time.sleep(_CLOSING_RETRY_S)
        except duckdb.IOException as error:
            if "Could not set lock" not in str(error):
                if (to_read := _read_only(path)) is not None:
                    return to_read
                refuse_unwritable(path)
                raise NotStored(f"{path} cannot be opened as a store: {error}") from error
            if time.monotonic() > began + patience_s:
                raise _locked(path, str(error)) from error
            time.sleep(_RETRY_S)


def _read_only(path: Path) -> duckdb.DuckDBPyConnection | None:
    """A store of this schema that can only be read, to read; None where it can be written, or not be read so."""
    if os.access(path, os.W_OK) or not os.access(path, os.R_OK):
        return None
    try:
        with _CONNECTING:
            connection = duckdb.connect(path, read_only=True, config=CONFIG)
    except duckdb.Error:
        return None
    if not up_to_date(connection):
        connection.close()
        return None
    return connection


def _locked(path: Path, error: str) -> StoreLocked:
    found = re.search(r"PID (\d+)", error)
    holder = f"process {found[1]}" if found else "another process"
    return StoreLocked(
        f"the store {path} is held by {holder}; wait for it to end, or stop it, and try again", holder=holder
    )
