"""Columns in memory as one table: what is no column, what does not fit together, what stands by keys."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import TYPE_CHECKING, Any

from moored.errors import DataInvalid

if TYPE_CHECKING:
    import pandas as pd


def refuse_no_list(columns: Mapping[Any, Any]) -> None:
    """Refuse a text, whose letters would be values, and a set, which has no order, in the place of a column."""
    for name, values in columns.items():
        if isinstance(values, str | bytes | Set):
            raise DataInvalid(
                f"Column {name!r} came as {type(values).__name__}; give a list, one value per unit."
            )


def frame_of_columns(columns: Mapping[Any, Any]) -> pd.DataFrame:
    """A frame of columns, those with keys put together by them. Errors: `DataInvalid`."""
    import pandas as pd

    try:
        return pd.DataFrame(dict(columns))
    except ValueError as error:
        raise DataInvalid(f"The columns make no table: {error}; give each one value per unit.") from error


def refuse_uneven(sizes: Mapping[str, int]) -> None:
    """Refuse columns of different lengths. Errors: `DataInvalid`."""
    if len(set(sizes.values())) > 1:
        said = ", ".join(f"{name} {size:,}" for name, size in sizes.items())
        raise DataInvalid(f"The columns differ in length: {said}; give each one value per unit.")
