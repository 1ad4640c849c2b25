"""The user's table as it is: every cell a text, every column with the type that its file declares.

Delimited files declare nothing: their columns are text, and what a column means is decided by its role
(`moored.storage.roles`), never by how its cells look. Parquet and DuckDB columns keep their declared type.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from moored.cells import is_number, missing_numbers
from moored.errors import DataInvalid, EmptyTable, HeaderUnclear, NotReadable, SheetUnnamed, StoreLocked
from moored.storage.codebook import Codebook, Entry
from moored.storage.file_kinds import located
from moored.storage.repeatable import unrepeatable
from moored.storage.sandbox import in_utc, said

TEXT = "TEXT"
"""The type of a column that declares none."""
NESTED = ("LIST", "STRUCT", "MAP", "UNION", "BLOB", "BIT", "VARIANT", "GEOMETRY", "ARRAY", "JSON")
_LISTED = 10
_PARQUET = (b"PAR1", b"PARE")
"""What such a file begins and ends with, plain and encrypted."""
GLOB = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One column, or what an SQL expression gives: `cells` (m,) of str or None, and the declared type."""

    cells: NDArray[np.object_]
    type: str = TEXT
    delimiter: str = ""
    """Of the file that the column stands in."""
    entry: Entry = field(default_factory=Entry)
    """What the file's codebook says of it."""

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
    codebook: Codebook = field(default_factory=dict)
    """What the file says about its columns: questions, value labels, codes for missing."""

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, in the file's order."""
        return tuple(self.types)

    def column(self, name: str) -> Column:
        """A column by its exact name."""
        cells, entry = self.frame[name].to_numpy(dtype=object), self.codebook.get(name, Entry())
        return Column(cells, self.types[name], self.delimiter, entry)

    def without_codes(self, missing: Collection[str]) -> Table:
        """The same, cells empty whose code of SPSS, Stata or SAS is a word for "missing": -99, not its label."""
        gone_numbers = missing_numbers(missing)
        frame = self.frame
        for name, entry in self.codebook.items():
            gone = [
                label
                for code, label in entry.value_labels.items()
                if code in missing or (is_number(code) and float(code) in gone_numbers)
            ]
            if gone and name in frame:
                kept = ~frame[name].isin(gone)
                frame = frame.assign(**{name: frame[name].where(kept, None)})
        return replace(self, frame=frame)

    def at(self, index: pd.Index) -> Table:
        """Some of the rows."""
        return replace(self, frame=self.frame.loc[index])


def table_of(relation: duckdb.DuckDBPyRelation) -> Table:
    """What DuckDB gives, as texts that lose nothing: its own casts, which it can read back.

    Errors: `HeaderUnclear`.
    """
    names, types = relation.columns, [str(kind) for kind in relation.types]
    refuse_alike(names)
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
    """A Parquet file or a table of a database, not yet read.

    Errors: `NotReadable`, `SheetUnnamed`, `EmptyTable`, `StoreLocked`.
    """
    found = located(path)
    database = found.kind == "duckdb"
    with (
        readable(path),
        duckdb.connect(str(found.file) if database else ":memory:", read_only=database) as connection,
    ):
        without_progress_bar(connection)
        in_utc(connection)
        if database:
            name = _table_named(connection, found.file, found.part)
            _refuse_unrepeatable(connection, name)
            yield connection, connection.table(name)
        else:
            _refuse_no_parquet(found.file)
            file = GLOB.sub(r"[\g<0>]", str(found.file))
            relation = connection.read_parquet(file, hive_partitioning=False)
            refuse_alike(_parquet_names(connection, file))
            yield connection, relation


def _refuse_unrepeatable(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Refuse a view that gives other rows each time. Errors: `DataInvalid`."""
    views = connection.sql("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
    if not any(view.casefold() == name.casefold() for (view,) in views):
        return
    why = unrepeatable(connection, 'FROM "' + name.replace('"', '""') + '"', (), file=True)
    if why is not None:
        raise DataInvalid(f"the view {name!r} gives other rows each time: {why}")


def refuse_alike(names: Sequence[str]) -> None:
    """Refuse names that are one in SQL: one would have the values of the other. Errors: `HeaderUnclear`."""
    first: dict[str, str] = {}
    for name in names:
        folded = "".join(letter.lower() if letter.isascii() else letter for letter in name)
        if folded in first:
            also = "two columns" if first[folded] == name else f"a column {first[folded]!r} and a column"
            raise HeaderUnclear(
                f"there are {also} {name!r}, which SQL cannot tell apart; give one of them another name "
                f"(in a query: `AS`)"
            )
        first[folded] = name


def _parquet_names(connection: duckdb.DuckDBPyConnection, file: str) -> list[str]:
    """The columns as the file names them: DuckDB calls those anew that differ by case."""
    schema = connection.execute("SELECT name, num_children FROM parquet_schema($1)", [file]).fetchall()
    names, inside = [], 0
    for name, children in schema[1:]:  # the first is the table itself; what is inside a column follows it
        if not inside:
            names.append(name)
        inside = max(inside - 1, 0) + (children or 0)
    return names


def _refuse_no_parquet(file: Path) -> None:
    """Refuse what neither begins nor ends as Parquet does, in our words. Errors: `NotReadable`."""
    with file.open("rb") as opened:
        start = opened.read(len(_PARQUET[0]))
        opened.seek(max(0, file.stat().st_size - len(start)))
        end = opened.read()
    if start not in _PARQUET:
        raise NotReadable(
            f"{file} cannot be read as Parquet: it begins with {start!r}; write it anew, or rename it"
        )
    if end != start:
        raise NotReadable(f"{file} cannot be read as Parquet: its end is missing; write or copy it anew")


def without_progress_bar(connection: duckdb.DuckDBPyConnection) -> None:
    """It would be printed into --json."""
    # In Jupyter DuckDB cannot even turn it off where ipywidgets is missing; without that it shows none.
    with suppress(duckdb.InvalidInputException):
        connection.execute("SET enable_progress_bar = false")


def _table_named(connection: duckdb.DuckDBPyConnection, file: Path, part: str) -> str:
    if part and _is_table(connection, part):
        return part
    names = connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE NOT internal UNION ALL "
        "SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY 1"
    ).fetchall()
    return only_one(file, part, [name for (name,) in names], "tables")


def _is_table(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    try:
        connection.table(name)
    except (duckdb.CatalogException, duckdb.ParserException):
        return False
    return True


def only_one(file: Path, part: str, names: Sequence[str], what: str) -> str:
    """The sheet or table that is named after `::`, or the only one. Errors: `SheetUnnamed`, `EmptyTable`."""
    if part in names:
        return part
    if not names:
        raise EmptyTable(f"{file} has no {what}; give one with a header and one row per unit")
    if not part and len(names) == 1:
        return names[0]
    listed = ", ".join(map(repr, names[:_LISTED])) + (", ..." if len(names) > _LISTED else "")
    said = (
        f"{file} has no {what.removesuffix('s')} {part!r}; it has" if part else f"{file} has several {what}:"
    )
    raise SheetUnnamed(f"{said} {listed}; name one as `{file}::{names[0]}`")


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
        raise NotReadable(f"{path} cannot be read: {said(error)}") from error
    except duckdb.Error as error:
        raise NotReadable(f"{path} cannot be read: {said(error)}") from error
