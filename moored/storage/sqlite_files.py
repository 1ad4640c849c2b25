"""Tables of SQLite databases, read by Python's own sqlite3: DuckDB's reader is an extension to download."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from moored.errors import NotReadable, StoreLocked, WrongEncoding
from moored.storage.cell_values import table_of_values
from moored.storage.tables import Table, only_one

_TABLES = """
    SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' ORDER BY name
"""


def read_sqlite(file: Path, part: str) -> Table:
    """A table or a view of a database. Errors: `SheetUnnamed`, `NotReadable`, `StoreLocked`."""
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            names = [name for (name,) in connection.execute(_TABLES)]
            name = only_one(file, part, names, "tables")
            quoted = name.replace('"', '""')
            cursor = connection.execute(f'SELECT * FROM "{quoted}"')  # noqa: S608 - quoted above
            columns = [column[0] for column in cursor.description]
            rows = cursor.fetchall()
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise StoreLocked(
                f"{file} is held by another process; wait for it to end, then try again"
            ) from error
        if "decode" in str(error):
            raise WrongEncoding(f"{file}: a text is not in UTF-8 ({error}); write the table anew") from error
        raise NotReadable(f"{file} cannot be read: {error}") from error
    except sqlite3.DatabaseError as error:
        raise NotReadable(f"{file} cannot be read as an SQLite database: {error}") from error
    cells = list(zip(*rows, strict=True)) if rows else [()] * len(columns)
    return table_of_values(dict(zip(columns, cells, strict=True)))
