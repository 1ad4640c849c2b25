"""Data frames of Python as tables: pandas, polars, pyarrow, DuckDB, columns or rows of plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from moored.columns import frame_of_columns, refuse_no_list, refuse_uneven
from moored.errors import DataInvalid, HeaderUnclear
from moored.extras import needed
from moored.storage.cell_values import table_of_values
from moored.storage.tables import Table, table_of

_KEYED = (Mapping, pd.Series)
_GIVE = "give a data frame of pandas or polars, a pyarrow table, or the name of a file"


def table_of_object(data: Any) -> Table:
    """What a Python user has, as a table. Errors: `DataInvalid`, `HeaderUnclear`, `ExtraMissing`."""
    if isinstance(data, Table):
        return data
    if isinstance(data, pd.DataFrame):
        return _of_pandas(data)
    package = type(data).__module__.partition(".")[0]
    if package in ("duckdb", "_duckdb") and hasattr(data, "columns"):
        return table_of(data)
    if package == "polars" and type(data).__name__ in ("DataFrame", "LazyFrame"):
        frame = data.collect() if hasattr(data, "collect") else data
        return table_of_values(frame.to_dict(as_series=False))
    if isinstance(data, Mapping):
        return _of_columns(data)
    if isinstance(data, Sequence) and data and all(isinstance(row, Mapping) for row in data):
        names = dict.fromkeys(name for row in data for name in row)
        return table_of_values({_name(name): [row.get(name) for row in data] for name in names})
    if hasattr(data, "__arrow_c_stream__"):
        return _of_arrow(data)
    raise DataInvalid(f"the data are a {type(data).__name__}; {_GIVE}")


def _of_pandas(frame: pd.DataFrame) -> Table:
    if frame.columns.nlevels > 1:
        raise HeaderUnclear("the data frame has column names of several levels; give each column one name")
    if frame.index.names != [None]:  # a named index is a column
        frame = frame.reset_index(_not_yet_columns(frame))
    _refuse_twice([_name(name) for name in frame.columns])
    return table_of_values(
        {_name(name): frame.iloc[:, place].tolist() for place, name in enumerate(frame.columns)}
    )


def _not_yet_columns(frame: pd.DataFrame) -> list[int]:
    """The levels of the index that no column repeats; pandas would put a second column of the name beside it."""
    found = []
    for level, name in enumerate(frame.index.names):
        values = frame.index.get_level_values(level)
        if name is not None and name in frame.columns:
            if not values.equals(pd.Index(frame[name])):
                raise HeaderUnclear(
                    f"the data have a column and an index called {name!r} that differ; rename one of them"
                )
        else:
            found.append(level)
    return found


def _of_columns(data: Mapping[Any, Any]) -> Table:
    refuse_no_list(data)
    given: dict[Any, Any] = {
        name: values if isinstance(values, _KEYED) else list(values) for name, values in data.items()
    }
    refuse_uneven({_name(name): len(values) for name, values in given.items()})
    if any(isinstance(values, _KEYED) for values in given.values()):  # values stand by their keys
        return _of_pandas(frame_of_columns(given).reset_index(drop=True))
    return table_of_values({_name(name): values for name, values in given.items()})


def _of_arrow(data: Any) -> Table:
    with needed("files", "this table"):
        import pyarrow as pa
    try:
        table = pa.table(data)
    except pa.ArrowException as error:  # one column, or values without names
        raise DataInvalid(f"the data are a {type(data).__name__}; {_GIVE}") from error
    _refuse_twice(table.column_names)
    return table_of_values(table.to_pydict())


def _refuse_twice(names: Sequence[str]) -> None:
    twice = [name for place, name in enumerate(names) if name in names[:place]]
    if twice:
        raise HeaderUnclear(
            f"the data have two columns called {twice[0]!r}; give each column a name of its own"
        )


def _name(name: Any) -> str:
    return name if isinstance(name, str) else str(name)
