"""A data frame's column as numbers or as categories, and where it is missing."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from reprlib import repr as shortened
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from moored.errors import ColumnMissing, DataInvalid
from moored.inference.data import Mask
from moored.plaintext import meant

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 5


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """A column of a table.

    Attributes
    ----------
    values : (T,) floats, or categories without space around them (objects, or a pandas category with its order).
    missing : (T,) where there is none: NaN, None, NA, or a text that is blank.
    words : whether the values are categories.
    """

    values: pd.Series[Any]
    missing: Mask
    words: bool


def column(frame: pd.DataFrame, name: str) -> Cells:
    """Errors: `ColumnMissing`; `DataInvalid` for dates, lists, complex numbers, and numbers among words."""
    import pandas as pd

    if name not in frame.columns:
        known = ", ".join(map(str, frame.columns))
        raise ColumnMissing(f"The table has no column {name!r}{meant(name, frame.columns)}; it has {known}.")
    values = frame[name]
    missing = missing_cells(values)
    if isinstance(values.dtype, pd.CategoricalDtype):
        if isinstance(values.cat.categories, pd.IntervalIndex):
            values = values.cat.rename_categories(str)
        return Cells(_bare_categories(values), missing, True)
    if values.dtype.kind in "biuf":
        return Cells(_floats(values, missing), missing, False)
    if values.dtype.kind not in "OTUS" and not pd.api.types.is_string_dtype(values.dtype):
        raise DataInvalid(f"Column {name!r} holds {values.dtype}; a formula takes numbers and categories.")
    return _of_objects(name, values, missing)


def missing_cells(values: pd.Series[Any]) -> Mask:
    """Where a column has no value: NaN, None, NA, NaT, or a text that is blank."""
    import pandas as pd

    missing = np.asarray(values.isna(), dtype=bool)
    if values.dtype.kind in "biufcmM":
        return missing
    if isinstance(values.dtype, pd.CategoricalDtype):
        blanks = [level for level in values.cat.categories if isinstance(level, str) and not level.strip()]
        return np.asarray(missing | np.asarray(values.isin(blanks), dtype=bool))
    blank = [isinstance(value, str) and not value.strip() for value in values.astype(object)]
    return np.asarray(missing | np.asarray(blank, dtype=bool))


def _of_objects(name: str, values: pd.Series[Any], missing: Mask) -> Cells:
    import pandas as pd

    objects = values.astype(object)
    present = objects[~missing]
    kinds = {_kind(value) for value in present}
    if kinds <= {"number"}:
        return Cells(_floats(objects, missing), missing, False)
    if kinds == {"word"}:
        words = [None if none else value.strip() for value, none in zip(objects, missing, strict=True)]
        return Cells(pd.Series(words, index=objects.index, dtype=object), missing, True)
    among = "numbers" if kinds == {"number", "word"} else "values"
    unlike = "number" if among == "numbers" else "word"
    odd = next(value for value in present if _kind(value) != unlike)
    raise DataInvalid(
        f"Column {name!r} holds {shortened(odd)} among its {among}; a formula takes a column of numbers, or one of "
        "words."
    )


def _bare_categories(values: pd.Series[Any]) -> pd.Series[Any]:
    """The categories without space around them, in their order; those that differ in nothing else become one."""
    import pandas as pd

    bare = {level: level.strip() if isinstance(level, str) else level for level in values.cat.categories}
    if all(level == own for level, own in bare.items()):
        return values
    kind = pd.CategoricalDtype(list(dict.fromkeys(bare.values())), ordered=values.cat.ordered)
    return values.astype(object).map(bare, na_action="ignore").astype(kind)


def _kind(value: Any) -> str:
    from decimal import Decimal

    if isinstance(value, str):
        return "word"
    return "number" if isinstance(value, numbers.Real | Decimal | np.bool_) else "other"


def _floats(values: pd.Series[Any], missing: Mask) -> pd.Series[Any]:
    import pandas as pd

    out = np.full(len(values), np.nan)
    out[~missing] = values[~missing].astype(float)
    return pd.Series(out, index=values.index)


@dataclass(frozen=True, slots=True)
class RowNames(Sequence[str]):
    """What messages call the rows: their numbers in the file, from 1 on, without the header."""

    before: int
    """Rows of the file that came in earlier chunks."""
    rows: int

    def __len__(self) -> int:
        return self.rows

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> list[str]: ...
    def __getitem__(self, at: int | slice) -> str | list[str]:
        if isinstance(at, slice):
            return [self[place] for place in range(self.rows)[at]]
        return f"row {self.before + range(self.rows)[at] + 1}"


def named_rows(names: Iterable[Any]) -> str:
    """The first few, for a message."""
    listed: Sequence[Any] = list(names)
    return ", ".join(map(str, listed[:_SHOWN])) + (", ..." if len(listed) > _SHOWN else "")
