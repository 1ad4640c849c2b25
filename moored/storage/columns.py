"""The columns that `moored estimate` needs, each by its role, whole or in chunks.

A delimited file of up to `SMALL` bytes is read by the reader of every table. A larger one is read by DuckDB by the
same rules, stated to it outright; its rows are counted a second time by the other reader, so that none is lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from moored.cells import marks, stripped
from moored.errors import ColumnMissing, HeaderUnclear, WrongEncoding
from moored.plaintext import meant
from moored.storage.column_sql import (
    Wanted,
    all_names,
    cleaned_texts,
    picked_columns,
    quoted_name,
    refuse_absent,
)
from moored.storage.delimited import Dialect, header_of
from moored.storage.file_kinds import located
from moored.storage.recounted import filled_rows, line_ends_told, recounted, refuse_lost
from moored.storage.roles import Where, covariate, floats, marked, refuse_type
from moored.storage.spool import large_files_folder
from moored.storage.table_files import read_any, refuse_idle
from moored.storage.tables import GLOB, Column, Table, readable, relation_of, without_progress_bar

SMALL = 5 * 10**7
_BY_DUCKDB = ("parquet", "duckdb")
_LOOKED_AT = 1000
_ROW_GROUP = 20 * duckdb.__standard_vector_size__
"""Rows that a writer of Parquet keeps in memory; its own choice is three times as many."""


def column_names(path: str | Path, dialect: Dialect | None = None) -> tuple[str, ...]:
    """The table's columns, without reading its rows. Errors: `DataInvalid`."""
    found, stated = located(path), dialect or Dialect()
    refuse_idle(found, stated)
    if found.kind == "delimited":
        return header_of(found.file, stated)[0]
    if found.kind not in _BY_DUCKDB:
        return _whole(path, stated).names
    with relation_of(path) as (_, relation):
        return tuple(relation.columns)


def reading_notes(path: str | Path, dialect: Dialect | None = None) -> tuple[str, ...]:
    """How the table is written, where that is not the usual; nothing of one that is read by DuckDB."""
    found, stated = located(path), dialect or Dialect()
    large = found.kind == "delimited" and found.file.stat().st_size > SMALL
    return () if large or found.kind in _BY_DUCKDB else _whole(path, stated).notes


def row_count(path: str | Path, dialect: Dialect | None = None) -> int:
    """The table's rows. Errors: `DataInvalid`."""
    if _only_whole(path):
        return len(_whole(path, dialect or Dialect()))
    with _opened(path, dialect or Dialect()) as (_, relation, _):
        return int(relation.count("*").fetchall()[0][0])


def read_columns(path: str | Path, wanted: Wanted) -> pd.DataFrame:
    """The wanted columns of every row: floats, words (None where missing), codes, and marks as true and false.

    Errors: the `DataInvalid` family.
    """
    found = located(path)
    small = found.file.stat().st_size <= SMALL or wanted.dialect.encoding
    if _only_whole(path) or (found.kind == "delimited" and small):
        return _of_table(_whole(path, wanted.dialect), wanted)
    with _opened(path, wanted.dialect, wanted.names) as (_, relation, delimiter):
        if found.kind == "delimited":
            counted = recounted(found.file, wanted.dialect)
            with line_ends_told(found.file, counted):
                filled = filled_rows(relation, counted)
                refuse_lost(found.file, filled, counted)
                return _finished(filled.project(picked_columns(filled, wanted, delimiter)).df(), wanted)
        return _finished(relation.project(picked_columns(relation, wanted, delimiter)).df(), wanted)


def chunk_reader(path: str | Path, wanted: Wanted, size: int) -> Callable[[], Iterator[pd.DataFrame]]:
    """Look over all cells once; then a function that starts a new reading, in frames of about `size` rows.

    Rows keep the table's order, columns are as of `read_columns`.
    size: rows per frame; DuckDB hands out whole vectors of 2,048, so it is rounded up.
    """
    if _only_whole(path):
        return _in_slices(_of_table(_whole(path, wanted.dialect), wanted), size)
    vectors = max(1, -(-size // duckdb.__standard_vector_size__))
    spool = TemporaryDirectory(
        prefix="moored-", dir=large_files_folder()
    )  # gone with the function that is returned, like `reading`
    reading = ExitStack()
    spooled = located(path).kind == "delimited"
    table = _spooled(path, wanted, Path(spool.name)) if spooled else path
    connection, relation = reading.enter_context(relation_of(table))
    picked = all_names(wanted) if spooled else picked_columns(relation, wanted, "")
    query = relation.project(picked).sql_query()

    def read() -> Iterator[pd.DataFrame]:
        assert spool.name, (
            reading
        )  # both kept as long as this function: opening takes longer than a small pass
        with readable(path), connection.cursor() as passing:
            result = passing.execute(query)
            while len(frame := result.fetch_df_chunk(vectors)):
                yield _finished(frame, wanted)

    return read


def _spooled(path: str | Path, wanted: Wanted, folder: Path) -> Path:
    """The wanted columns of a delimited file as Parquet, once: passes over texts would cost their parsing each."""
    texts, typed = folder / "texts.parquet", folder / "typed.parquet"
    with _opened(path, wanted.dialect, wanted.names) as (_, relation, delimiter):
        refuse_absent(relation.columns, wanted)
        counted = recounted(Path(path), wanted.dialect)
        cleaned = ", ".join(
            f"{cleaned_texts(quoted, wanted)} AS {quoted}" for quoted in map(quoted_name, wanted.names)
        )
        with line_ends_told(Path(path), counted):
            filled_rows(relation, counted).project(cleaned).write_parquet(
                str(texts), compression="snappy", row_group_size=_ROW_GROUP
            )
    with relation_of(texts) as (_, relation):
        refuse_lost(Path(path), relation, counted)
        relation.project(picked_columns(relation, wanted, delimiter, cleaned=True)).write_parquet(
            str(typed), compression="snappy", row_group_size=_ROW_GROUP
        )
    texts.unlink()
    return typed


def _only_whole(path: str | Path) -> bool:
    """Is it a kind of file that is read as a whole or not at all?"""
    return located(path).kind not in ("delimited", *_BY_DUCKDB)


def _whole(path: str | Path, dialect: Dialect) -> Table:
    """The table, kept until another is asked for: names, counts and columns are asked for one after the other."""
    state = located(path).file.stat()
    return _kept_table(str(path), dialect, (state.st_mtime_ns, state.st_size, state.st_ino))


@lru_cache(maxsize=1)
def _kept_table(path: str, dialect: Dialect, _: tuple[int, ...]) -> Table:
    return read_any(path, dialect)


def _in_slices(frame: pd.DataFrame, size: int) -> Callable[[], Iterator[pd.DataFrame]]:
    return lambda: (
        frame.iloc[start : start + size].reset_index(drop=True) for start in range(0, len(frame), size)
    )


@contextmanager
def _opened(
    path: str | Path, dialect: Dialect, wanted: Sequence[str] = ()
) -> Iterator[tuple[duckdb.DuckDBPyConnection, duckdb.DuckDBPyRelation, str]]:
    """A table not yet read, and its delimiter ("" where it has none)."""
    found = located(path)
    if found.kind != "delimited":
        with relation_of(path) as (connection, relation):
            yield connection, relation, ""
        return
    if dialect.encoding is not None:
        raise WrongEncoding(
            f"{found.file} is read in chunks, which takes UTF-8 only; save it in UTF-8 or as Parquet"
        )
    names, delimiter, skipped = header_of(found.file, dialect)
    if broken := next((name for name in names if "\n" in name or "\r" in name), None):
        raise HeaderUnclear(
            f"{found.file}: the name {broken!r} holds a line break, which a table read in chunks cannot have; "
            "write it on one line"
        )
    with readable(path), duckdb.connect(":memory:") as connection:
        without_progress_bar(connection)
        relation = connection.read_csv(
            GLOB.sub(r"[\g<0>]", str(found.file)),
            header=False,
            skiprows=1 + skipped,
            columns=dict.fromkeys(_told_apart(found.file, names, wanted), "VARCHAR"),
            sep=delimiter,
            quotechar='"',
            escapechar='"',
            comment="",
            hive_partitioning=False,
            auto_detect=False,
            strict_mode=True,
            max_line_size=1 << 26,
        )
        yield connection, relation, delimiter


def _told_apart(file: Path, names: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """The names, for a reader to which `id` and `ID` are one: what is not wanted makes way for what is."""
    counts = Counter(name.lower() for name in names)
    if twice := [name for name, count in Counter(map(str.lower, wanted)).items() if count > 1]:
        both = [name for name in wanted if name.lower() == twice[0]]
        raise HeaderUnclear(
            f"{file}: {both[0]!r} and {both[1]!r} differ by case alone, which a table read in chunks cannot "
            "tell apart; rename one of them"
        )
    first = {name.lower(): name for name in (*reversed(names), *wanted)}
    return [
        name if counts[name.lower()] == 1 or name == first[name.lower()] else f"{name} (column {place})"
        for place, name in enumerate(names, 1)
    ]


def _of_table(table: Table, wanted: Wanted) -> pd.DataFrame:
    table = table.without_codes(wanted.words)
    rows = pd.Series(range(1, len(table) + 1))
    found: dict[str, NDArray[np.generic]] = {}
    for name in wanted.names:
        column, where = _column(table, name), Where(name, rows, "rows")
        if name in wanted.variables:
            found[name] = covariate(where, column, wanted.words, category=name in wanted.categories)
        elif name in wanted.numbers:
            found[name] = floats(where, column, wanted.words)
        else:
            found[name] = _marks_or_codes(name, column, wanted)
    return pd.DataFrame(found)


def _column(table: Table, name: str) -> Column:
    if name not in table.names:
        raise ColumnMissing(
            f"The table has no column {name!r}{meant(name, table.names)}; it has {', '.join(table.names)}."
        )
    return table.column(name)


def _marks_or_codes(name: str, column: Column, wanted: Wanted) -> NDArray[np.generic]:
    refuse_type(name, column, "a mark or a code")
    at, distinct = pd.factorize(column.cells)  # each distinct cell is looked at once; none has the place -1
    texts = stripped(distinct)
    if name in wanted.marks and name not in wanted.codes:
        if isinstance(marks(texts, wanted.words), Counter):
            return marked(name, column, wanted.words)  # by its codes, or refused with the counts of all cells
        return np.append(marked(name, Column(texts), wanted.words), False)[at]
    return np.append([None if text in wanted.words else text for text in texts], np.array([None]))[at]


def _finished(frame: pd.DataFrame, wanted: Wanted) -> pd.DataFrame:
    """Marks as true and false; words and codes as objects, None where missing."""
    found: dict[str, NDArray[np.generic]] = {}
    for name in wanted.names:
        if pd.api.types.is_float_dtype(frame[name]):
            values = frame[name].to_numpy(dtype=np.float64)
            numeric = name in (*wanted.variables, *wanted.numbers)
            found[name] = values if numeric else _logical(name, values, wanted)
            continue
        column = Column(frame[name].astype(object).where(frame[name].notna(), None).to_numpy(dtype=object))
        found[name] = _marks_or_codes(name, column, wanted)
    return pd.DataFrame(found)


def _logical(name: str, values: NDArray[np.float64], wanted: Wanted) -> NDArray[np.bool_]:
    """Marks that the file declares as numbers."""
    odd = ~np.isnan(values) & ~np.isin(values, (0.0, 1.0))
    if odd.any():
        words = [f"{value:g}" for value in values[odd][:_LOOKED_AT]]
        marked(name, Column(np.array(words, dtype=object)), wanted.words)
    return np.asarray(values == 1.0)
