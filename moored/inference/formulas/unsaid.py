"""What a table means and does not say: -99 among answers from 0 to 3, one category that is written in two ways."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from unicodedata import normalize

import numpy as np

from moored.inference.data import Array
from moored.inference.formulas.cells import column
from moored.inference.formulas.grammar import Reading
from moored.plaintext import counted, twins

if TYPE_CHECKING:
    import pandas as pd

_TAILS = (9, 8, 7, 6)
_CODES = np.array(
    sorted(
        {-sign for sign in (*_TAILS, *(11 * tail for tail in _TAILS), 95, 96, 97, 98, 99)}
        | {sign * code for sign in (-1, 1) for tail in _TAILS for code in (111 * tail, 1111 * tail)}
        | {sign * (10**k - below) for sign in (-1, 1) for k in (2, 3, 4, 5) for below in range(1, 6)}
        | {77, 88, 8, 9}
    ),
    dtype=float,
)
"""What questionnaires and statistics packages write where there is no answer."""
_SHOWN = 4
_LIKELY = 77
"""A code as large is one where it stands once; a smaller one may be a count, and must be repeated."""
_REPEATED = 3
_FEW = 6
_APART, _MANY = 10.0, 10
"""How many times the widest step between the other values a repeated code stands away from them, and how many
other values it takes to know their steps. In 48,000 draws of counts, ages and incomes, heavy tails among them,
none had such a value by chance; where each row came five times, at most 1 in 200 had."""


def codes_for_missing(frame: pd.DataFrame, readings: Iterable[Reading]) -> tuple[str, ...]:
    """A note on each column of numbers in which such codes stand far from all other values."""
    found = []
    for name in dict.fromkeys(name for reading in readings for name in _numeric(reading)):
        cells = column(frame, name)
        if not cells.words:
            found += _note(name, cells.values.to_numpy(dtype=np.float64))
    return tuple(found)


def alike_categories(frame: pd.DataFrame, readings: Iterable[Reading]) -> tuple[str, ...]:
    """A note on each column whose categories are written in two ways: they are two to the estimate."""
    found = []
    for name in dict.fromkeys(name for reading in readings for name in reading.covariates):
        cells = column(frame, name)
        if cells.words:
            found += _twins(cells.values[~cells.missing], f"the categories of {name!r}", "category")
    return tuple(found)


def alike_clusters(codes: pd.Series[Any], name: str) -> tuple[str, ...]:
    """The same of clusters."""
    return tuple(_twins(codes.dropna(), f"the clusters of {name!r}", "cluster"))


def _twins(values: pd.Series[Any], what: str, kind: str) -> list[str]:
    if values.dtype.kind in "biuf":
        return []
    words = dict.fromkeys(normalize("NFC", str(value)).strip() for value in values.value_counts().index)
    found = twins(words)
    if not found:
        return []
    shown = ", ".join(f"{word!r} beside {other!r}" for word, other in list(found.items())[:_SHOWN])
    note = (
        f"{what} hold {shown}{', ...' if len(found) > _SHOWN else ''}, which differ in case, spaces or the form of "
        f"their letters alone: each counts as a {kind} of its own; write them alike"
    )
    return [note]


def _numeric(reading: Reading) -> list[str]:
    """The columns that the formula computes with, and makes no categories of."""
    coded = {name for code in reading.codes.values() if code.codes for name in code.variables}
    return [name for name in reading.variables if name not in coded]


def _note(name: str, values: Array) -> list[str]:
    values = values[np.isfinite(values)]
    suspect = np.isin(values, _CODES)
    if not suspect.any() or suspect.all():
        return []
    others = np.unique(values[~suspect])
    low, high = float(others[0]), float(others[-1])
    few = len(np.unique(values)) <= _FEW
    odd = [
        (code, times)
        for code, times in _outside(values[suspect], low, high)
        if _is_far(code, times, low, high, few=few) or _is_apart(code, times, others)
    ]
    if not odd:
        return []
    said = ", ".join(f"{code:g} {counted(times, 'time')}" for code, times in odd)
    note = (
        f"{name!r} is {said}, and {low:g} to {high:g} elsewhere: each counts as a number; if they mean missing, "
        "make these cells empty, or say so (`data.missing`, `--na`)"
    )
    return [note]


def _outside(values: Array, low: float, high: float) -> list[tuple[float, int]]:
    codes, times = np.unique(values, return_counts=True)
    return [(float(c), int(n)) for c, n in zip(codes, times, strict=True) if not low <= c <= high]


def _is_far(code: float, times: int, low: float, high: float, *, few: bool) -> bool:
    """Further from the other values than these are from each other; or negative where no other is.

    few: of all values.
    """
    alone = code < 0 <= low
    if abs(code) < _LIKELY and (times < _REPEATED or not (alone or few)):
        return False
    gap = low - code if code < low else code - high
    return gap > max(high - low, 1.0) or (alone and times > 1)


def _is_apart(code: float, times: int, others: Array) -> bool:
    """Repeated, and away from values close together: 99 beside ages 18 to 65. others: (k,), ascending."""
    if abs(code) < _LIKELY or times < _REPEATED or len(others) < _MANY:
        return False
    gap = max(others[0] - code, code - others[-1])
    return bool(gap > _APART * np.diff(others).max())
