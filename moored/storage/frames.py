"""Tables of the user's: CSV, Parquet, or `store.duckdb::table`, whole or in chunks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pandas as pd

from moored.errors import DataInvalid, StoreLocked, StudyInvalid

DATABASES = (".duckdb", ".db")
_SANDBOX: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "python_enable_replacements": "false",
    "lock_configuration": "true",
}


def read_table(path: str | Path) -> pd.DataFrame:
    """The whole table. Errors: `DataInvalid` (no such file or table, or not readable as what it is)."""
    with _relation(path) as (_, relation):
        frame: pd.DataFrame = relation.df()
        return frame


def read_query(path: Path, query: str) -> pd.DataFrame:
    """The rows of a query over the tables of a DuckDB file, which it can only read.

    Errors: `DataInvalid` (no such file), `StudyInvalid` (no such query), `StoreLocked`.
    """
    if not path.is_file():
        raise DataInvalid(f"there is no file {path}; name a DuckDB file")
    with _readable(path), duckdb.connect(path, read_only=True, config=_SANDBOX) as connection:
        return _selected(connection, query)


def select(frame: pd.DataFrame, query: str) -> pd.DataFrame:
    """The rows of a query over `frame`, which it calls `data`. Errors: `StudyInvalid` (no such query)."""
    with duckdb.connect(":memory:", config=_SANDBOX) as connection:
        connection.register("data", frame)
        return _selected(connection, query)


def _selected(connection: duckdb.DuckDBPyConnection, query: str) -> pd.DataFrame:
    try:
        statements = connection.extract_statements(query)
        if [statement.type for statement in statements] != [duckdb.StatementType.SELECT]:
            raise StudyInvalid("`data.query` must be one SELECT")
        rows: pd.DataFrame = connection.sql(query).df()
    except duckdb.Error as error:
        raise StudyInvalid(f"`data.query` cannot be run: {str(error).splitlines()[0]}") from error
    return rows


def column_names(path: str | Path) -> tuple[str, ...]:
    """The table's columns, without reading its rows. Errors as of `read_table`."""
    with _relation(path) as (_, relation):
        return tuple(relation.columns)


def chunks(path: str | Path, columns: Sequence[str], size: int) -> Iterator[pd.DataFrame]:
    """The table's rows in frames of about `size` rows, in the table's order. Errors as of `read_table`.

    size: rows a frame; duckdb hands out whole vectors of 2,048, so it is rounded up.
    """
    vectors = max(1, -(-size // duckdb.__standard_vector_size__))
    with _relation(path) as (connection, relation):
        names = set(relation.columns)
        missing = [name for name in columns if name not in names]
        if missing:
            raise DataInvalid(f"{path} has no column {missing[0]!r}; it has {', '.join(relation.columns)}")
        picked = relation.select(*(duckdb.ColumnExpression(name) for name in columns))
        result = connection.execute(picked.sql_query())
        while len(frame := result.fetch_df_chunk(vectors)):
            yield frame


def write_parquet(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame as a Parquet file; the same frame gives the same bytes."""
    with duckdb.connect(":memory:") as connection:
        connection.from_df(frame).write_parquet(str(path), compression="zstd")


@contextmanager
def _relation(
    path: str | Path,
) -> Iterator[tuple[duckdb.DuckDBPyConnection, duckdb.DuckDBPyRelation]]:
    file, _, table = str(path).partition("::")
    if not Path(file).is_file():
        raise DataInvalid(f"there is no file {file}; name a CSV or Parquet file, or `file.duckdb::table`")
    if Path(file).suffix in DATABASES and not table:
        raise DataInvalid(f"{file} is a database; name one of its tables as `{file}::table`")
    with (
        _readable(path),
        duckdb.connect(file if table else ":memory:", read_only=bool(table)) as connection,
    ):
        connection.execute("SET enable_progress_bar = false")  # it would be printed into --json
        if table:
            yield connection, connection.table(table)
        elif Path(file).suffix in (".parquet", ".pq"):
            yield connection, connection.read_parquet(file)
        else:
            yield connection, connection.read_csv(file)


@contextmanager
def _readable(path: str | Path) -> Iterator[None]:
    """DuckDB's errors as ours."""
    try:
        yield
    except duckdb.IOException as error:
        if "lock" in str(error).lower():
            raise StoreLocked(
                f"{path} is held by another process; wait for it to end, then try again"
            ) from error
        raise DataInvalid(f"{path} cannot be read: {str(error).splitlines()[0]}") from error
    except duckdb.Error as error:
        raise DataInvalid(f"{path} cannot be read: {str(error).splitlines()[0]}") from error
