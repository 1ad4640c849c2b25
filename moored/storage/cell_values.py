"""Cells from values of Python, as typed files and data frames give them: the same value, the same text."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from moored.errors import DataInvalid
from moored.storage.tables import TEXT, Table

EXACT = 2**53
"""From here on a floating-point number may stand for several whole ones."""
_WIDEST = 10**22
_HUGE = 2**127
_HALF = re.compile("[\ud800-\udfff]")
_NESTED = (list, tuple, dict, set, np.ndarray)


def table_of_values(columns: Mapping[str, Sequence[Any]], *, strings: str = "VARCHAR") -> Table:
    """A table of columns of values: None, truth values, numbers, texts, dates, lists.

    strings: the type of a column that holds texts alone: `TEXT` where the file may have numbers written as texts.
    """
    for name, values in columns.items():
        _refuse_half_characters(name, values)
    made = {name: typed_cells(values, strings=strings) for name, values in columns.items()}
    frame = pd.DataFrame({name: cells for name, (cells, _) in made.items()}, dtype=object)
    return Table(frame, {name: kind for name, (_, kind) in made.items()})


def _refuse_half_characters(name: str, values: Sequence[Any]) -> None:
    """Python's texts may hold half of a pair of UTF-16, which no file in UTF-8 does."""
    for place, value in enumerate(values, 1):
        if isinstance(value, str) and _HALF.search(value):
            raise DataInvalid(
                f"row {place} of {name!r} holds half a character ({value[:20]!r}); correct or delete it where the "
                "table is made"
            )


def typed_cells(values: Sequence[Any], *, strings: str = "VARCHAR") -> tuple[NDArray[np.object_], str]:
    """One column's cells, str or None, and DuckDB's type for all of them; `TEXT` where they differ in kind."""
    given = [None if _is_missing(value) else value for value in values]
    kinds = {_kind(value) for value in given if value is not None}
    if "nested" in kinds:
        return _cells(
            json.dumps(_plain(value), default=str) if value is not None else None for value in given
        ), "JSON"
    if kinds <= {"BIGINT", "DOUBLE"} and "DOUBLE" in kinds:
        return _cells(None if value is None else number_text(value) for value in given), _float_type(given)
    return _cells(map(_text, given)), _type(kinds, given, strings)


def number_text(value: Any) -> str:
    """A number so that nothing is lost, and a whole one without a decimal point: 3, 2.5, 1e+300."""
    number = float(value)
    if not math.isfinite(number):
        return "nan" if math.isnan(number) else "inf" if number > 0 else "-inf"
    if isinstance(value, int | np.integer) or (number.is_integer() and abs(number) < _WIDEST):
        return str(int(value))
    return repr(number)


def _is_missing(value: Any) -> bool:
    if value is None or value is pd.NA or value is pd.NaT:
        return True
    return isinstance(value, float | np.floating) and math.isnan(value)


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "VARCHAR"
    if isinstance(value, bool | np.bool_):
        return "BOOLEAN"
    if isinstance(value, int | np.integer):
        return "BIGINT"
    if isinstance(value, float | np.floating):
        return "DOUBLE"
    if isinstance(value, dt.datetime):
        return "TIMESTAMP" if value.tzinfo is None else "TIMESTAMP WITH TIME ZONE"
    for kind, name in ((dt.date, "DATE"), (dt.time, "TIME"), (dt.timedelta, "INTERVAL"), (bytes, "BLOB")):
        if isinstance(value, kind):
            return name
    return "nested" if isinstance(value, _NESTED) else "DECIMAL" if isinstance(value, Decimal) else "VARCHAR"


def _type(kinds: set[str], given: Sequence[Any], strings: str) -> str:
    if not kinds or kinds == {"VARCHAR"}:
        return strings
    if kinds == {"DATE", "TIMESTAMP"}:
        return "TIMESTAMP"
    if len(kinds) > 1 or kinds == {"DECIMAL"}:
        return TEXT
    kind = next(iter(kinds))
    most = (
        max((abs(int(value)) for value in given if value is not None), default=0) if kind == "BIGINT" else 0
    )
    return kind if most < 2**63 else "HUGEINT" if most < _HUGE else "VARCHAR"


def _float_type(given: Iterable[Any]) -> str:
    """Whole numbers that a floating-point number keeps are whole numbers: SPSS and Excel have no other."""
    whole = all(value is None or (float(value).is_integer() and abs(value) < EXACT) for value in given)
    return "BIGINT" if whole else "DOUBLE"


def _text(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    if isinstance(value, int | float | np.integer | np.floating):
        return number_text(value)
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, dt.timedelta):
        return _clock(value)
    if isinstance(value, bytes):
        return value.hex()
    return value.isoformat() if isinstance(value, dt.date | dt.time) else str(value)


def _clock(span: dt.timedelta) -> str:
    """A span of time as hours, minutes and seconds, which SQL reads back: -30:00:00.5."""
    seconds, rest = divmod(abs(span) // dt.timedelta(microseconds=1), 10**6)
    fraction = f".{rest:06d}".rstrip("0") if rest else ""
    sign = "-" if span < dt.timedelta() else ""
    return f"{sign}{seconds // 3600:02d}:{seconds % 3600 // 60:02d}:{seconds % 60:02d}{fraction}"


def _plain(value: Any) -> Any:
    return (
        value.tolist() if isinstance(value, np.ndarray) else list(value) if isinstance(value, set) else value
    )


def _cells(texts: Iterable[str | None]) -> NDArray[np.object_]:
    listed = list(texts)
    cells = np.empty(len(listed), dtype=object)
    cells[:] = listed
    return cells
