"""What a table's own columns say of its units: who is labelled, how likely that was, and what belongs together."""

from __future__ import annotations

import numbers
import unicodedata
import warnings
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from moored.cells import marks, named, words_for_missing
from moored.columns import frame_of_columns, refuse_no_list, refuse_uneven
from moored.errors import DataInvalid
from moored.inference.data import LARGEST, Array, Mask
from moored.inference.formulas.cells import column, missing_cells, named_rows

if TYPE_CHECKING:
    import pandas as pd


def labelled_rows(frame: pd.DataFrame, column: str) -> Mask:
    """(T,) who is labelled. Errors: `DataInvalid` for a value that says neither yes nor no."""
    values = frame[column]
    if values.dtype.kind in "bif":
        numbers = np.nan_to_num(values.to_numpy(dtype=np.float64))
        if not bool(np.isin(numbers, (0.0, 1.0)).all()):
            raise DataInvalid(
                f"Column {column!r} must be 1 or true where a unit is labelled, 0 or false or empty "
                "elsewhere."
            )
        return np.asarray(numbers == 1.0)
    cells = [None if none else str(value) for value, none in zip(values, values.isna(), strict=True)]
    found = marks(cells, words_for_missing())
    if isinstance(found, Counter):
        raise DataInvalid(
            f"Column {column!r} holds {named(found)}; it must be 1, true, yes or x where a unit is labelled, 0, "
            "false, no or empty elsewhere."
        )
    return found


def probabilities(
    frame: pd.DataFrame, probability: str | None, weights: str | None, rows: Sequence[str]
) -> Array | None:
    """(T,) labelling probabilities, from a column of them or of their inverses; None without either.

    Errors: `DataInvalid`, which names the rows without one.
    """
    if weights is not None and probability is not None:
        raise DataInvalid("Give weights or probabilities, not both: a weight is 1 / probability.")
    if probability is not None:
        said = "holds labelling probabilities: every unit needs one, above 0 and at most 1"
        return _numbers(frame, probability, rows, said, lambda pi: (pi > 0) & (pi <= 1))
    if weights is None:
        return None
    said = "holds inverse labelling probabilities: every unit needs one, 1 or more"
    return 1.0 / _numbers(frame, weights, rows, said, lambda w: (w >= 1) & (w < LARGEST))


def _numbers(
    frame: pd.DataFrame, name: str, rows: Sequence[str], said: str, allowed: Callable[[Array], Mask]
) -> Array:
    cells = column(frame, name)
    if cells.words:
        first = cells.values[~cells.missing].iloc[0]
        raise DataInvalid(f"Column {name!r} {said}; it holds {first!r}.")
    values = cells.values.to_numpy(dtype=np.float64)
    _refuse_rows(cells.missing | ~allowed(values), rows, f"Column {name!r} {said}")
    return values


def _refuse_rows(wrong: Mask, rows: Sequence[str], sentence: str) -> None:
    if wrong.any():
        listed = named_rows(np.asarray(rows, dtype=object)[wrong])
        raise DataInvalid(f"{sentence}; {int(wrong.sum())} do not have it: {listed}.")


def codes(frame: pd.DataFrame, name: str, rows: Sequence[str]) -> NDArray[Any]:
    """A column of codes of clusters or strata. Errors: `DataInvalid`, which names the rows without one."""
    import pandas as pd

    missing = missing_cells(frame[name])
    _refuse_rows(
        missing,
        rows,
        f"Column {name!r} says which units belong together: every unit needs a code, and one that belongs to no "
        "other needs a code of its own",
    )
    values = frame[name].to_numpy()
    if values.dtype.kind in "iub":
        return values
    try:
        at, distinct = pd.factorize(values)
    except TypeError as error:  # lists and dicts
        raise DataInvalid(
            f"Column {name!r} holds {_first_odd(values)!r}; a code is a number or a text."
        ) from error
    return np.array([_code(value) for value in distinct], dtype=str)[at]


def _code(value: Any) -> str:
    """A code as text: 1, 1.0 and "1" are one, as are "a" and "a ", and the two ways to write an accented letter."""
    real = isinstance(value, numbers.Real | Decimal) and not isinstance(value, np.timedelta64)
    whole = real and value == value // 1
    return unicodedata.normalize("NFC", str(int(value) if whole else value).strip())


def _first_odd(values: NDArray[Any]) -> Any:
    return next(value for value in values if not isinstance(value, Hashable))


def _to_pandas(data: Any) -> pd.DataFrame:
    import pandas as pd

    try:
        frame = data.to_pandas()
    except ModuleNotFoundError:  # polars asks for pyarrow there
        frame = pd.DataFrame(data.to_dict(as_series=False))
    if not isinstance(frame, pd.DataFrame):
        raise DataInvalid(_no_table(data))
    ordered = {name: frame[name].astype("object").astype("category") for name in _in_no_order(data)}
    return frame.assign(**ordered)


def _in_no_order(data: Any) -> list[str]:
    """Columns of words that polars or Arrow keep as numbers, in the order in which the words came first."""
    schema = getattr(data, "schema", None)
    if schema is None or getattr(schema, "pandas_metadata", None) is not None:
        return []
    kinds = (
        {field.name: str(field.type) for field in schema}
        if hasattr(schema, "field")
        else {name: str(kind) for name, kind in dict(schema).items()}
    )
    return [
        name
        for name, kind in kinds.items()
        if kind.startswith("Categorical") or (kind.startswith("dictionary") and "ordered=1" not in kind)
    ]


def _of_columns(columns: Mapping[Any, Any]) -> pd.DataFrame:
    refuse_no_list(columns)
    sizes = {str(name): len(values) for name, values in columns.items() if hasattr(values, "__len__")}
    refuse_uneven(sizes)
    for name, values in columns.items():
        if (dimensions := getattr(values, "ndim", 1)) > 1:
            raise DataInvalid(
                f"Column {name!r} is an array of {dimensions} dimensions; give one value per row."
            )
    return frame_of_columns(columns)


def _no_table(data: Any) -> str:
    if isinstance(data, str) and "~" in data:
        return "The table comes first, then the formula: fit(table, formula)."
    return f"A {type(data).__name__} is not a data frame; give pandas, or a dict of columns."


def as_pandas(data: Any) -> pd.DataFrame:
    """A pandas frame of a frame of any make; true and false become 1 and 0, half precision becomes double."""
    import pandas as pd

    if isinstance(data, pd.DataFrame):
        frame = data
    elif hasattr(data, "to_pandas"):
        frame = _to_pandas(data)
    elif type(data).__name__ == "LazyFrame" and hasattr(data, "collect"):
        frame = _to_pandas(data.collect())
    elif hasattr(data, "__dataframe__"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # pandas would rather have Arrow
            frame = pd.api.interchange.from_dataframe(data)
    elif isinstance(data, Mapping):
        frame = _of_columns(data)
    else:
        raise DataInvalid(_no_table(data))
    if frame.columns.nlevels > 1:
        raise DataInvalid(
            f"The table's columns have {frame.columns.nlevels} levels; give each column one name."
        )
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise DataInvalid(
            f"The table has more than one column called {twice[0]!r}; give each a name of its own."
        )
    return _plain_numbers(frame)


def _plain_numbers(frame: pd.DataFrame) -> pd.DataFrame:
    """True and false as 1 and 0, half precision, by which pandas cannot group, as double."""
    logical = [
        name
        for name in frame.columns
        if frame[name].dtype.kind == "b"
        or str(frame[name].dtype) == "boolean"
        or (frame[name].dtype == object and frame[name].map(lambda v: isinstance(v, bool) or v is None).all())
    ]
    half = [name for name in frame.columns if str(frame[name].dtype) == "float16"]
    if not logical and not half:
        return frame
    frame = frame.astype(dict.fromkeys(half, np.float64))
    for name in logical:
        frame[name] = frame[name].astype("Float64").astype(float)
    return frame
