"""The user's table as it is: every cell a text, every column with the type that its file declares.

Delimited files declare nothing: their columns are text, and what a column means is decided by its role
(`moored.storage.roles`), never by how its cells look. Parquet and DuckDB columns keep their declared type.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from moored.errors import DataInvalid, StoreLocked
from moored.storage.delimited import DELIMITERS, Delimited, Dialect, read_delimited
from moored.storage.sandbox import said

DATABASES = (".duckdb", ".db", ".ddb")
PARQUET = (".parquet", ".pq")
TEXT = "TEXT"
"""The type of a column that declares none."""
NESTED = ("LIST", "STRUCT", "MAP", "UNION", "BLOB", "BIT", "VARIANT", "GEOMETRY", "ARRAY")
GLOB = re.compile(r"[*?\[]")
_READ = "read are CSV (comma, semicolon, tab or bar), Parquet, and `file.duckdb::table`"
_OTHERS = {
    ".xlsx": "save the sheet as CSV",
    ".xls": "save the sheet as CSV",
    ".ods": "save the sheet as CSV",
    ".dta": "in Stata, `export delimited`",
    ".sav": "in SPSS, save as CSV with values, not labels, or with R: `write.csv(haven::read_sav(...))`",
    ".sas7bdat": "in SAS, `proc export` to CSV",
    ".feather": "with pandas, `read_feather(...).to_parquet(...)`",
    ".arrow": "with pandas, `read_feather(...).to_parquet(...)`",
    ".json": "with pandas, `read_json(...).to_parquet(...)`",
    ".jsonl": "with pandas, `read_json(..., lines=True).to_parquet(...)`",
    ".ndjson": "with pandas, `read_json(..., lines=True).to_parquet(...)`",
    ".rds": "in R, `write.csv(readRDS(...), row.names = FALSE)`",
    ".rdata": "in R, `write.csv(..., row.names = FALSE)`",
    ".pkl": "with pandas, `read_pickle(...).to_parquet(...)`",
    ".sqlite": "with sqlite3, `.mode csv` and `.output`",
    ".sqlite3": "with sqlite3, `.mode csv` and `.output`",
    ".zip": "unpack it first",
}
_MAGIC = (
    (b"PAR1", "a Parquet file; end its name in .parquet"),
    (b"PK\x03\x04", "a zip archive or an Excel sheet; save the sheet as CSV"),
    (
        b"SQLite format 3\0",
        "an SQLite database; export the table as CSV (sqlite3: `.mode csv` and `.output`)",
    ),
    (b"ARROW1", "an Arrow or Feather file; write it as Parquet"),
    (b"\xd0\xcf\x11\xe0", "an old Excel sheet; save the sheet as CSV"),
    (b"\x1f\x8b", "packed by gzip; end its name in .csv.gz"),
    (b"$FL2", "an SPSS file; save it as CSV"),
    (b"<stata_dta>", "a Stata file; write it with `export delimited`"),
)


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One column, or what an SQL expression gives: `cells` (m,) of str or None, and the declared type."""

    cells: NDArray[np.object_]
    type: str = TEXT
    delimiter: str = ""
    """Of the file that the column stands in."""

    @property
    def nested(self) -> bool:
        """Lists, structs and bytes are no texts, numbers or words."""
        return self.type.endswith("]") or self.type.startswith(NESTED)

    @property
    def boolean(self) -> bool:
        """Declared as true and false."""
        return self.type == "BOOLEAN"

    @property
    def temporal(self) -> bool:
        """Declared as dates or times."""
        return self.type.startswith(("DATE", "TIME", "INTERVAL"))


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A table. frame: (rows, columns), each cell a str or None; types: DuckDB's type of each column, or `TEXT`."""

    frame: pd.DataFrame
    types: dict[str, str]
    delimiter: str = ""
    notes: tuple[str, ...] = field(default=())
    """How the file is written, where that is not the usual: a person should know."""

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, in the file's order."""
        return tuple(self.types)

    def column(self, name: str) -> Column:
        """A column by its exact name."""
        return Column(self.frame[name].to_numpy(dtype=object), self.types[name], self.delimiter)

    def at(self, index: pd.Index) -> Table:
        """Some of the rows."""
        return Table(self.frame.loc[index], self.types, self.delimiter, self.notes)


def read_any(path: str | Path, dialect: Dialect | None = None) -> Table:
    """The whole table. Errors: `DataInvalid` (no such file or table, or not readable as what it is)."""
    file, kind = located(path)
    if kind == "delimited":
        return _of_delimited(read_delimited(file, dialect or Dialect()), dialect or Dialect())
    with relation_of(path) as (_, relation):
        return table_of(relation)


def located(path: str | Path) -> tuple[Path, str]:
    """The file, and its kind: delimited, parquet or database. Errors: `DataInvalid`."""
    name, sign, table = str(path).partition("::")
    if "://" in name:
        raise DataInvalid(f"{name} is an address; download the table, then name the file")
    file = Path(name)
    try:
        if file.is_dir():
            raise DataInvalid(f"{file} is a folder; name one file")
        if not file.is_file():
            raise DataInvalid(f"there is no file {file}; {_READ}")
        with file.open("rb") as opened:
            start = opened.read(16)
    except (OSError, ValueError) as error:
        raise DataInvalid(
            f"the file {name[:80]!r} cannot be opened: {getattr(error, 'strerror', None) or error}"
        ) from error
    return file, _kind(file, start, sign, table)


def _kind(file: Path, start: bytes, sign: str, table: str) -> str:
    suffix = file.suffix.lower()
    if suffix in PARQUET:
        return "parquet"
    if start.startswith(b"SQLite format 3"):
        raise DataInvalid(f"{file} is {_MAGIC[2][1]}")
    if table or suffix in DATABASES:
        if not table:
            end = (
                "after `::` a table's name is missing"
                if sign
                else f"name one of its tables as `{file}::table`"
            )
            raise DataInvalid(f"{file} is a database; {end}")
        return "database"
    if suffix in _OTHERS:
        raise DataInvalid(f"{file} ends in {suffix}, which is not read; {_READ}: {_OTHERS[suffix]}")
    for magic, what in _MAGIC:
        if start.startswith(magic) and not (magic == b"\x1f\x8b" and suffix == ".gz"):
            raise DataInvalid(f"{file} is {what}; {_READ}")
    return "delimited"


def _of_delimited(read: Delimited, dialect: Dialect) -> Table:
    columns = list(zip(*read.rows, strict=True)) if read.rows else [()] * len(read.names)
    frame = pd.DataFrame(
        {name: _cells(cells) for name, cells in zip(read.names, columns, strict=True)}, dtype=object
    )
    notes = []
    if read.delimiter != ",":
        notes.append(f"separated by {DELIMITERS.get(read.delimiter, repr(read.delimiter))}")
    if read.encoding != "utf-8":
        notes.append(f"in {read.encoding}")
    if dialect.skip_rows:
        notes.append(f"{dialect.skip_rows} rows under the header skipped")
    return Table(frame, dict.fromkeys(read.names, TEXT), read.delimiter, tuple(notes))


def _cells(cells: tuple[str, ...]) -> NDArray[np.object_]:
    found = np.empty(len(cells), dtype=object)
    found[:] = [cell or None for cell in cells]
    return found


def table_of(relation: duckdb.DuckDBPyRelation) -> Table:
    """What DuckDB gives, as texts that lose nothing: its own casts, which it can read back."""
    names, types = relation.columns, [str(kind) for kind in relation.types]
    aliased = [
        duckdb.ColumnExpression(name).cast("VARCHAR").alias(f"c{place}") for place, name in enumerate(names)
    ]
    frame = relation.select(*aliased).df()
    cells = {
        name: frame[f"c{place}"].astype(object).where(frame[f"c{place}"].notna(), None)
        for place, name in enumerate(names)
    }
    return Table(
        pd.DataFrame(cells, dtype=object),
        {
            name: "VARCHAR" if kind.startswith("ENUM") else kind
            for name, kind in zip(names, types, strict=True)
        },
    )


def table_of_frame(frame: pd.DataFrame) -> Table:
    """A data frame of our own making as a table."""
    with duckdb.connect(":memory:") as connection:
        table = table_of(connection.from_df(frame))
    return Table(table.frame.set_axis(frame.index), table.types)


@contextmanager
def relation_of(path: str | Path) -> Iterator[tuple[duckdb.DuckDBPyConnection, duckdb.DuckDBPyRelation]]:
    """A Parquet file or a table of a database, not yet read. Errors: `DataInvalid`, `StoreLocked`."""
    file, kind = located(path)
    table = str(path).partition("::")[2]
    with (
        readable(path),
        duckdb.connect(
            str(file) if kind == "database" else ":memory:", read_only=kind == "database"
        ) as connection,
    ):
        connection.execute("SET enable_progress_bar = false")  # it would be printed into --json
        if kind == "database":
            yield connection, connection.table(table)
        else:
            yield (
                connection,
                connection.read_parquet(GLOB.sub(r"[\g<0>]", str(file)), hive_partitioning=False),
            )


@contextmanager
def readable(path: str | Path) -> Iterator[None]:
    """DuckDB's errors as ours."""
    try:
        yield
    except duckdb.IOException as error:
        if "lock" in str(error).lower():
            raise StoreLocked(
                f"{path} is held by another process; wait for it to end, then try again"
            ) from error
        raise DataInvalid(f"{path} cannot be read: {said(error)}") from error
    except duckdb.Error as error:
        raise DataInvalid(f"{path} cannot be read: {said(error)}") from error
