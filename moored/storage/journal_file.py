"""The journal's file: how it is opened, read and written to, and what its errors mean."""

from __future__ import annotations

import os
import re
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Any, Self

from moored.errors import DiskFull, MooredError, SchemaNewer, StoreLocked
from moored.storage.files import private
from moored.storage.place import unwritable
from moored.storage.queries import journal_query

SCHEMA = 1
BUSY_S = 60.0
_AT_ONCE = 500
_ONE_ROW = re.compile(r"\(\?(?:, \?)*\)")


def open_journal(path: Path) -> sqlite3.Connection:
    """A connection; the file and its tables are made if need be. Errors: `SchemaNewer`, `StoreLocked`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with private:  # SQLite's logs beside it take its mode
            connection = sqlite3.connect(
                _address(path), uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False
            )
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


def _address(path: Path) -> str:
    """One that can only be read, and whose log is empty, is read as it stands: SQLite would write beside it."""
    address = f"{path.absolute().as_uri()}?mode=rwc"
    only_read = path.exists() and not os.access(path, os.W_OK)
    return f"{address[:-3]}ro&immutable=1" if only_read and not _size(Path(f"{path}-wal")) else address


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


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
    for statement in journal_query("tables").split(";\n"):
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


class JournalFile:
    """The journal at `path`, for one study's entries. Opened by its first use; one connection reads, one writes."""

    def __init__(self, path: Path, study: str = "") -> None:
        self.path = path
        self.study = study
        self._lock = threading.RLock()
        self._reading = threading.Lock()
        self._writer: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None
        self._depth = 0

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path, self.study)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; the next call opens it again."""
        with self._lock, self._reading:
            for connection in (self._writer, self._reader):
                if connection is not None:
                    connection.close()
            self._writer = self._reader = None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Several entries, one durable commit. Nested use joins the outer one."""
        with self._lock, self._plainly():
            connection = self._write()
            if self._depth == 0:
                connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
                if self._depth == 1:
                    connection.execute("COMMIT")
            except BaseException:
                if self._depth == 1 and connection.in_transaction:
                    with suppress(sqlite3.Error):
                        connection.execute("ROLLBACK")
                raise
            finally:
                self._depth -= 1

    def _run(self, name: str, values: Mapping[str, Any]) -> sqlite3.Cursor:
        """Run `sql/journal/<name>.sql` in the transaction under way."""
        return self._write().execute(journal_query(name), values)

    def _run_rows(self, name: str, rows: Sequence[tuple[Any, ...]]) -> int:
        """Run `sql/journal/<name>.sql`, which is written for one row, for all of them; the last row's number.

        One statement for many rows: each statement gives the GIL away, and has to wait until it comes back.
        """
        last = 0
        for at in range(0, len(rows), _AT_ONCE):
            some = rows[at : at + _AT_ONCE]
            one = _ONE_ROW.search(journal_query(name))
            assert one is not None
            text = ", ".join([one[0]] * len(some)).join((one.string[: one.start()], one.string[one.end() :]))
            last = self._write().execute(text, list(chain.from_iterable(some))).lastrowid or last
        return last

    def _rows(self, name: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """What `sql/journal/<name>.sql` finds, read beside any transaction."""
        with self._reading, self._plainly():
            return self._read().execute(journal_query(name), values).fetchall()

    def _one(self, name: str, values: Mapping[str, Any]) -> tuple[Any, ...] | None:
        """The first row that `sql/journal/<name>.sql` finds."""
        return next(iter(self._rows(name, values)), None)

    def _write(self) -> sqlite3.Connection:
        if self._writer is None:
            self._writer = open_journal(self.path)
        return self._writer

    def _read(self) -> sqlite3.Connection:
        if self._reader is None:
            self._reader = open_journal(self.path)
        return self._reader

    @contextmanager
    def _plainly(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise plain_error(self.path, error) from error
