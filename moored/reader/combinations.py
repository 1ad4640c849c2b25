"""Linear combinations of terms, each held against a number, from words or from numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moored.errors import DataInvalid
from moored.reader.words import read_words

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Combinations:
    """c combinations of p terms: `matrix` @ terms, held against `null`.

    Attributes
    ----------
    labels : (c,) the combinations in words.
    matrix : (c, p). null : (c,).
    """

    labels: tuple[str, ...]
    matrix: Array
    null: Array


def combinations_of(L: Any, terms: Sequence[str], q: Any = None) -> Combinations:
    """Combinations from words ("x - age", "x = age", a list of such) or from numbers (p,) or (c, p).

    q : what numbers are held against, (c,) or one number; words say it themselves.

    Errors: `TermUnknown` for words, `DataInvalid` for numbers of another shape or not finite.
    """
    if isinstance(L, Mapping | Set):
        raise DataInvalid(
            f"Combinations of terms came as {type(L).__name__}, of which only the names would be read; "
            f"{_needed(terms)}."
        )
    said = [L] if isinstance(L, str) else L
    if isinstance(said, Iterable) and not isinstance(said, np.ndarray):
        parts = list(said)
        if parts and all(isinstance(part, str) for part in parts):
            return _of_words(parts, terms, q)
        said = parts
    return _of_numbers(said, terms, 0.0 if q is None else q)


def _of_words(parts: Sequence[str], terms: Sequence[str], q: Any) -> Combinations:
    if q is not None:
        raise DataInvalid(f'q came as {q!r} beside words; say it in the words, such as "{terms[-1]} = 0.5".')
    found = [combination for part in parts for combination in read_words(part, terms)]
    return Combinations(
        tuple(label for label, _, _ in found),
        np.stack([row for _, row, _ in found]),
        np.array([null for _, _, null in found]),
    )


def _of_numbers(L: Any, terms: Sequence[str], q: Any) -> Combinations:
    try:
        rows, null = np.atleast_2d(np.asarray(L, dtype=np.float64)), np.asarray(q, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataInvalid(f"Combinations of terms came as {L!r}; {_needed(terms)}.") from error
    fits = rows.ndim == 2 and rows.shape[1] == len(terms) and len(rows) and null.shape in ((), (len(rows),))
    if not fits or not (np.isfinite(rows).all() and np.isfinite(null).all()):
        raise DataInvalid(
            f"Combinations of terms came with the shape {rows.shape} and q with {null.shape}; {_needed(terms)}, "
            "and one finite q per row."
        )
    return Combinations(
        tuple(_label(row, terms) for row in rows), rows, np.broadcast_to(null, len(rows)).copy()
    )


def _needed(terms: Sequence[str]) -> str:
    return f'give {len(terms)} finite numbers per row, or words such as "{terms[-1]} = 0"'


def _label(row: Array, terms: Sequence[str]) -> str:
    """(0, 1, -0.5) as "x - 0.5 * age"."""
    text = ""
    for weight, term in zip(row.tolist(), terms, strict=True):
        if weight:
            sign = (" - " if weight < 0 else " + ") if text else ("-" if weight < 0 else "")
            text += sign + (term if abs(weight) == 1 else f"{abs(weight):g} * {term}")
    return text or "0"
