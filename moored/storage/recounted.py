"""A delimited file that DuckDB reads, looked over a second time: its faults in our words, and no row lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from moored.errors import DataInvalid
from moored.storage.column_sql import quoted_name, trimmed
from moored.storage.delimited import Counted, Dialect, count_records, header_of


def recounted(file: Path, dialect: Dialect) -> Counted:
    """What stands in the file. Errors: `DataInvalid`, `WrongEncoding`."""
    names, delimiter, skipped = header_of(file, dialect)
    return count_records(file, delimiter, len(names), skipped)


def filled_rows(relation: duckdb.DuckDBPyRelation, counted: Counted) -> duckdb.DuckDBPyRelation:
    """The rows that hold anything."""
    if not counted.empty:
        return relation
    fields = ", ".join(f"nullif({trimmed(quoted_name(name))}, '')" for name in relation.columns)
    return relation.filter(f"coalesce({fields}, NULL) IS NOT NULL")


@contextmanager
def line_ends_told(file: Path, counted: Counted) -> Iterator[None]:
    """DuckDB reads one kind of line end, and says of others that its state is invalid."""
    try:
        yield
    except duckdb.Error as error:
        if len(counted.ends) > 1:
            raise DataInvalid(
                f"{file} mixes line ends ({' and '.join(map(repr, counted.ends))}), which a table read in chunks "
                "cannot have; write it anew with one kind, or as Parquet"
            ) from error
        raise


def refuse_lost(file: Path, relation: duckdb.DuckDBPyRelation, counted: Counted) -> None:
    """Errors: `DataInvalid` where DuckDB read another number of rows."""
    read, there = int(relation.count("*").fetchall()[0][0]), counted.records - counted.empty
    if read != there:
        raise DataInvalid(
            f"{file} has {there:,} records of which {read:,} could be read; see that its quotes are doubled inside "
            "quoted fields, or write it as Parquet"
        )
