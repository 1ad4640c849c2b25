"""Data frames in and out: a table with numbers where every cell is one, and Parquet files of our own."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pandas as pd

from moored.cells import words_for_missing
from moored.storage.files import private, replacing
from moored.storage.rules import natural
from moored.storage.table_files import read_any
from moored.storage.tables import Table, refuse_alike

_KEPT = re.compile(r"BOOLEAN|BIGINT|DOUBLE|DATE|TIMESTAMP( WITH TIME ZONE)?")


def read_table(path: str | Path) -> pd.DataFrame:
    """The whole table; a column is of numbers where every cell is one or missing, else of texts.

    Errors: `DataInvalid` (no such file or table, or not readable as what it is).
    """
    table, missing = read_any(path), words_for_missing()
    columns = {name: table.column(name) for name in table.names}
    words = ("VARCHAR", "UUID")  # declared: no reader makes numbers of them
    frame = pd.DataFrame(
        {name: c.cells if c.type in words else natural(c, missing) for name, c in columns.items()}
    )
    logical = [name for name, kind in frame.dtypes.items() if str(kind) in ("Float64", "boolean")]
    whole = [
        name for name, kind in frame.dtypes.items() if str(kind) == "Int64" and frame[name].notna().all()
    ]
    return frame.astype(dict.fromkeys(logical, float) | dict.fromkeys(whole, "int64"))


def write_table(table: Table, path: Path) -> None:
    """Write a table as a Parquet file that reads as the same table, in one step in the place of what is there.

    Its file is its owner's alone. What Parquet would round (whole numbers of more than 64 bits) is written as text.

    Errors: `HeaderUnclear`.
    """
    refuse_alike(table.names)
    columns = [
        duckdb.ColumnExpression(name).cast(kind if _KEPT.fullmatch(kind) else "VARCHAR").alias(name)
        for name, kind in table.types.items()
    ]
    with duckdb.connect(":memory:") as connection, private, replacing(path) as unfinished:
        cells = connection.from_df(table.frame.astype("string"))
        cells.select(*columns).write_parquet(str(unfinished), compression="zstd")


def write_parquet(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame as a Parquet file; the same frame gives the same bytes."""
    with duckdb.connect(":memory:") as connection:
        connection.from_df(frame).write_parquet(str(path), compression="zstd")
