"""The columns that `moored estimate` needs, each by its role, whole or in chunks.

A delimited file of up to `SMALL` bytes is read by the reader of every table. A larger one is read by DuckDB by the
same rules, stated to it outright; its rows are counted a second time by the other reader, so that none is lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from moored.cells import (
    DOT_GROUPS,
    NUMBER,
    NoNumbers,
    marks,
    missing_numbers,
    numbers,
    stripped,
    words_for_missing,
)
from moored.errors import ColumnMissing, DataInvalid, OutsideDomain
from moored.storage.delimited import Dialect, count_records, header_of
from moored.storage.roles import Where, covariate, floats, marked, no_number, refuse_dates, refuse_type
from moored.storage.tables import GLOB, Column, Table, located, read_any, readable, relation_of

SMALL = 5 * 10**7
_NUMERIC = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "U", "DECIMAL", "DOUBLE", "FLOAT")
_LOGICAL = ("BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "DOUBLE")
_SPACE = " \t\r\n\f\v\u00a0"
_LOOKED_AT = 1000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which columns are what. Names of the table, each perhaps in several roles; variables come first.

    variables : of the formulas: numbers, or categories where every cell is a word.
    categories : those of them that a formula asks for as C(name).
    numbers : weights and probabilities. codes : clusters and strata. marks : who is labelled.
    """

    variables: tuple[str, ...]
    categories: frozenset[str] = frozenset()
    numbers: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    dialect: Dialect = field(default_factory=Dialect)

    @property
    def names(self) -> tuple[str, ...]:
        """All, each once."""
        return tuple(dict.fromkeys((*self.variables, *self.numbers, *self.codes, *self.marks)))

    @property
    def words(self) -> frozenset[str]:
        """What means "missing"."""
        return words_for_missing(self.missing)


def column_names(path: str | Path, dialect: Dialect | None = None) -> tuple[str, ...]:
    """The table's columns, without reading its rows. Errors: `DataInvalid`."""
    file, kind = located(path)
    if kind == "delimited":
        return header_of(file, dialect or Dialect())[0]
    with relation_of(path) as (_, relation):
        return tuple(relation.columns)


def row_count(path: str | Path, dialect: Dialect | None = None) -> int:
    """The table's rows. Errors: `DataInvalid`."""
    with _opened(path, dialect or Dialect()) as (_, relation, _):
        return int(relation.count("*").fetchall()[0][0])


def read_columns(path: str | Path, wanted: Wanted) -> pd.DataFrame:
    """The wanted columns of every row: floats, words (None where missing), codes, and marks as true and false.

    Errors: the `DataInvalid` family.
    """
    file, kind = located(path)
    if kind == "delimited" and (file.stat().st_size <= SMALL or wanted.dialect.encoding):
        return _of_table(read_any(path, wanted.dialect), wanted)
    with _opened(path, wanted.dialect) as (_, relation, delimiter):
        _refuse_lost(file, kind, relation, delimiter, wanted.dialect.skip_rows)
        return _finished(relation.project(_picked(relation, wanted, delimiter)).df(), wanted)


def chunk_reader(path: str | Path, wanted: Wanted, size: int) -> Callable[[], Iterator[pd.DataFrame]]:
    """Look over all cells once; then a function that starts a new reading, in frames of about `size` rows.

    Rows keep the table's order, columns are as of `read_columns`.
    size: rows per frame; DuckDB hands out whole vectors of 2,048, so it is rounded up.
    """
    vectors = max(1, -(-size // duckdb.__standard_vector_size__))
    spool = TemporaryDirectory(prefix="moored-")  # gone with the function that is returned
    if located(path)[1] == "delimited":
        path = _spooled(path, wanted, Path(spool.name))
        picked = _names_of(wanted)
    else:
        with _opened(path, wanted.dialect) as (_, relation, delimiter):
            picked = _picked(relation, wanted, delimiter)

    def read() -> Iterator[pd.DataFrame]:
        assert spool.name  # kept as long as this function
        with _opened(path, wanted.dialect) as (connection, relation, _):
            result = connection.execute(relation.project(picked).sql_query())
            while len(frame := result.fetch_df_chunk(vectors)):
                yield _finished(frame, wanted)

    return read


def _spooled(path: str | Path, wanted: Wanted, folder: Path) -> Path:
    """The wanted columns of a delimited file as Parquet, once: passes over texts would cost their parsing each."""
    texts, typed = folder / "texts.parquet", folder / "typed.parquet"
    with _opened(path, wanted.dialect) as (_, relation, delimiter):
        _refuse_absent(relation.columns, wanted)
        cleaned = ", ".join(f"{_given(quoted, wanted)} AS {quoted}" for quoted in map(_quoted, wanted.names))
        relation.project(cleaned).write_parquet(str(texts), compression="snappy")
    with relation_of(texts) as (_, relation):
        _refuse_lost(Path(path), "delimited", relation, delimiter, wanted.dialect.skip_rows)
        relation.project(_picked(relation, wanted, delimiter, cleaned=True)).write_parquet(
            str(typed), compression="snappy"
        )
    texts.unlink()
    return typed


def _names_of(wanted: Wanted) -> str:
    return ", ".join(map(_quoted, wanted.names))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _given(quoted: str, wanted: Wanted) -> str:
    """A column of texts without the space around them, NULL where they mean "missing"."""
    text = f"trim({quoted}::VARCHAR, {_literal(_SPACE)})"
    missing = ", ".join(map(_literal, sorted(wanted.words)))
    return f"CASE WHEN {text} IN ({missing}) THEN NULL ELSE {text} END"


def _refuse_absent(names: Sequence[str], wanted: Wanted) -> None:
    absent = [name for name in wanted.names if name not in names]
    if absent:
        raise ColumnMissing(f"The table has no column {absent[0]!r}; it has {', '.join(names)}.")


def _refuse_lost(
    file: Path, kind: str, relation: duckdb.DuckDBPyRelation, delimiter: str, skipped: int
) -> None:
    if kind != "delimited":
        return
    read, there = int(relation.count("*").fetchall()[0][0]), count_records(file, delimiter) - skipped
    if read != there:
        raise DataInvalid(
            f"{file} has {there:,} records of which {read:,} could be read; see that its quotes are doubled inside "
            "quoted fields, or write it as Parquet"
        )


@contextmanager
def _opened(
    path: str | Path, dialect: Dialect
) -> Iterator[tuple[duckdb.DuckDBPyConnection, duckdb.DuckDBPyRelation, str]]:
    """A table not yet read, and its delimiter ("" where it has none)."""
    file, kind = located(path)
    if kind != "delimited":
        with relation_of(path) as (connection, relation):
            yield connection, relation, ""
        return
    if dialect.encoding is not None:
        raise DataInvalid(f"{file} is read in chunks, which takes UTF-8 only; save it in UTF-8 or as Parquet")
    names, delimiter = header_of(file, dialect)
    with readable(path), duckdb.connect(":memory:") as connection:
        connection.execute("SET enable_progress_bar = false")
        relation = connection.read_csv(
            GLOB.sub(r"[\g<0>]", str(file)),
            header=False,
            skiprows=1 + dialect.skip_rows,
            columns=dict.fromkeys(names, "VARCHAR"),
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


def _of_table(table: Table, wanted: Wanted) -> pd.DataFrame:
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
        raise ColumnMissing(f"The table has no column {name!r}; it has {', '.join(table.names)}.")
    return table.column(name)


def _marks_or_codes(name: str, column: Column, wanted: Wanted) -> NDArray[np.generic]:
    refuse_type(name, column, "a mark or a code")
    at, distinct = pd.factorize(column.cells)  # each distinct cell is looked at once; none has the place -1
    texts = stripped(distinct)
    if name in wanted.marks and name not in wanted.codes:
        if isinstance(marks(texts, wanted.words), Counter):
            marked(name, column, wanted.words)  # refuses, with the counts of all cells
        return np.append(marked(name, Column(texts), wanted.words), False)[at]
    return np.append([None if text in wanted.words else text for text in texts], np.array([None]))[at]


def _picked(
    relation: duckdb.DuckDBPyRelation, wanted: Wanted, delimiter: str, *, cleaned: bool = False
) -> str:
    """The wanted columns in SQL: numbers as DOUBLE, all else as text. cleaned: `_given` was applied before."""
    types = dict(zip(relation.columns, map(str, relation.types), strict=True))
    _refuse_absent(tuple(types), wanted)
    expressions = []
    for name in wanted.names:
        quoted = _quoted(name)
        numeric = (
            name in wanted.variables
            or name in wanted.numbers
            or (name in wanted.marks and name not in wanted.codes and types[name] in _LOGICAL)
        )
        given = quoted if cleaned else _given(quoted, wanted)
        made = _number(relation, name, given, types[name], wanted, delimiter) if numeric else None
        expressions.append(f"{made or f'CAST({quoted} AS VARCHAR)'} AS {quoted}")
    return ", ".join(expressions)


def _number(
    relation: duckdb.DuckDBPyRelation, name: str, given: str, kind: str, wanted: Wanted, delimiter: str
) -> str | None:
    """A column as DOUBLE in SQL; None where it is a category. given: its texts, NULL where missing."""
    quoted = _quoted(name)
    column = Column(np.empty(0, dtype=object), kind, delimiter)
    refuse_type(name, column, "a number")
    if column.temporal:
        refuse_dates(name)
    gone = ", ".join(map(repr, missing_numbers(wanted.words))) or "NULL"
    if column.boolean:
        return f"{quoted}::INTEGER::DOUBLE"
    if kind.startswith(_NUMERIC):
        return f"CASE WHEN {quoted}::DOUBLE IN ({gone}) THEN NULL ELSE {quoted}::DOUBLE END"
    made = _notation(relation, name, given, wanted, delimiter)
    return made and f"CASE WHEN {made} IN ({gone}) THEN NULL ELSE {made} END"


def _notation(
    relation: duckdb.DuckDBPyRelation, name: str, given: str, wanted: Wanted, delimiter: str
) -> str | None:
    """How a column of texts becomes numbers, decided over all its cells. Errors: `OutsideDomain`."""
    number, logical = (
        f"regexp_full_match({given}, {_literal(NUMBER)})",
        f"lower({given}) IN ('true', 'false')",
    )
    grouped = f"regexp_full_match({given}, {_literal(DOT_GROUPS)})"
    counts = relation.aggregate(
        f"count({given}), count_if({number}), count_if({logical}), count_if({grouped}), "
        f"count_if(contains({given}, '.'))"
    ).fetchall()[0]
    ambiguous = delimiter == ";" and 0 < counts[4] == counts[3]
    if counts[1] == counts[0] and not ambiguous:
        return f"CAST({given} AS DOUBLE)"
    if counts[2] == counts[0]:
        return f"CASE lower({given}) WHEN 'true' THEN 1.0::DOUBLE WHEN 'false' THEN 0.0::DOUBLE END"
    odd = relation.filter(grouped if ambiguous else f"NOT {number}").project(f"{given} AS cell")
    plain = relation.filter(number).project(f"{given} AS cell").limit(0 if ambiguous else 1)
    few = odd.distinct().limit(_LOOKED_AT)
    cells = [cell for (cell,) in (*few.fetchall(), *plain.fetchall()) if cell is not None]
    try:
        numbers(cells, wanted.words, delimiter)
    except NoNumbers as none:
        if none.categories or name in wanted.categories:
            return None
        raise OutsideDomain(no_number(name, none)) from none
    return f"CAST(replace({given}, ',', '.') AS DOUBLE)"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


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
