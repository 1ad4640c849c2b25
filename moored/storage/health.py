"""How the files of a store are, without changing them: readable, of this moored's schema, held by somebody."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import duckdb

from moored.errors import MooredError
from moored.storage.journal_file import SCHEMA
from moored.storage.queries import migrations, query
from moored.storage.run_lock import refuse_busy
from moored.storage.schema import applied


@dataclass(frozen=True, slots=True)
class FileHealth:
    """One file. schema: None where it was never written to. holder: the process that has it. error: why not."""

    path: Path
    bytes: int
    schema: int | None = None
    newest: int = 0
    """The newest schema that this moored knows."""
    studies: int = 0
    holder: str | None = None
    error: str | None = None


def store_health(path: Path) -> FileHealth | None:
    """The DuckDB file; None where there is none."""
    if not path.exists():
        return None
    newest = migrations()[-1][0]
    size = path.stat().st_size if path.is_file() else 0
    try:
        with duckdb.connect(path, read_only=True) as connection:
            seen = applied(connection)
            studies = connection.execute(query("studies")).fetchall() if seen and max(seen) <= newest else []
    except duckdb.Error as error:
        held = re.search(r"PID (\d+)", str(error)) if "lock" in str(error).lower() else None
        if held:
            return FileHealth(path, size, newest=newest, holder=f"process {held[1]}")
        return FileHealth(path, size, newest=newest, error=str(error).splitlines()[0])
    return FileHealth(path, size, max(seen, default=None), newest, len({row[0] for row in studies}))


def journal_health(path: Path) -> FileHealth | None:
    """The SQLite file of model replies; None where there is none."""
    if not path.exists():
        return None
    size = path.stat().st_size
    try:
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=0.5)
        ) as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.OperationalError as error:
        if "locked" in str(error) or "busy" in str(error):
            return FileHealth(path, size, newest=SCHEMA, holder="another process")
        return FileHealth(path, size, newest=SCHEMA, error=str(error))
    except sqlite3.Error as error:
        return FileHealth(path, size, newest=SCHEMA, error=str(error))
    return FileHealth(path, size, version, SCHEMA)


def running_studies(store: Path) -> list[str]:
    """A sentence for each study that is being run right now."""
    found = []
    for lock in sorted(store.parent.glob(f"{store.stem}.*.lock")):
        study = lock.name.removeprefix(f"{store.stem}.").removesuffix(".lock")
        try:
            refuse_busy(lock, study)
        except MooredError as error:
            found.append(error.message)
    return found


def stored_names(path: Path) -> list[str]:
    """The names of the studies in a store; none where it cannot be read right now."""
    if not path.is_file():
        return []
    try:
        with duckdb.connect(path, read_only=True) as connection:
            return sorted({str(row[0]) for row in connection.execute(query("studies")).fetchall()})
    except duckdb.Error:
        return []
