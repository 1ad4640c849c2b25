"""One formula, learned once from the rows that count, then applied to those and to every source alike.

What a formula learns (the levels of a category, the mean of a scaled column, the knots of a spline) comes from the
labelled units whose values are complete, and from nothing else. A row that lacks a value that the formula needs has
no row in the matrix: it is NaN, and never a reference level.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from moored.errors import DataInvalid, MooredError, NonFinite, Singular
from moored.inference.data import Array, Mask
from moored.inference.formulas.cells import Cells, column, named_rows
from moored.inference.formulas.grammar import Reading
from moored.inference.formulas.typed import refuse_texts
from moored.plaintext import counted

if TYPE_CHECKING:
    import pandas as pd

    from moored.inference.formulas.materializer import Learned, Stand

_PLAIN = {"v0_", "f_C(v0_)"}


@dataclass(frozen=True, slots=True, eq=False)
class Arrays:
    """y (T,) and X (T, p), NaN in each row without a value; and what was left out for a category of its own.

    strange : by column or term, (rows, the categories that the formula has not learned).
    """

    y: Array
    X: Array
    strange: Mapping[str, tuple[Mask, tuple[Any, ...]]]


class Design:
    """A formula and what it has learned.

    Parameters
    ----------
    reading : the formula.
    frame : the human columns.
    rows : (T,) whom it is learned from, as far as they are complete.
    fixed : refuse a formula that learns anything: its table is read in chunks.

    Attributes
    ----------
    terms : the names of the columns of X.

    Raises
    ------
    ColumnMissing, DataInvalid, Singular (a category with a single level).
    """

    def __init__(self, reading: Reading, frame: pd.DataFrame, rows: Mask, *, fixed: bool = False) -> None:
        self.reading = reading
        cells = {name: column(frame, name) for name in reading.variables}
        if fixed:
            _refuse_learning(reading, cells)
        refuse_texts(reading, cells)
        use = np.flatnonzero(rows & ~_any_missing(cells, len(frame)))
        data = _one_row(cells) if fixed else _complete(cells, use)
        if not len(data):
            raise DataInvalid(f"{reading.what}: no labelled unit has a value in each of {', '.join(cells)}.")
        self._stands = _own_stands(reading)
        matrices, _ = _matrices(reading, data, self._stands, {}, reading.parsed)
        self._spec = matrices.model_spec
        self.terms: tuple[str, ...] = tuple(map(str, self._spec.rhs.column_names))
        self._learned = _learned(self._spec)
        self._refuse_outcome()
        self._refuse_terms()

    def own(self, frame: pd.DataFrame, rows: Mask) -> Arrays:
        """The human columns' own arrays: NaN where not of `rows`."""
        return self._apply(self.reading, frame, self._stands, rows)

    def source(self, frame: pd.DataFrame, reading: Reading | None = None) -> Arrays:
        """The arrays of a source, whose formula has the same terms over its own columns; None: the same names."""
        stands = self._stands if reading is None else self._corresponding(reading)
        return self._apply(reading or self.reading, frame, stands, np.ones(len(frame), dtype=bool))

    def _apply(
        self, reading: Reading, frame: pd.DataFrame, stands: Mapping[str, Stand], rows: Mask
    ) -> Arrays:
        cells = {name: column(frame, name) for name in reading.variables}
        if reading.outcome[0] in cells and cells[reading.outcome[0]].words:
            refuse_texts(reading, cells, outcome_alone=True)
            raise _no_outcome(reading)
        use = np.flatnonzero(rows & ~_any_missing(cells, len(frame)))
        y, X = np.full(len(frame), np.nan), np.full((len(frame), len(self.terms)), np.nan)
        if not len(use):
            return Arrays(y, X, {})
        data = _complete(cells, use)
        matrices, unknown = _matrices(reading, data, stands, self._learned, self._spec)
        y[use] = np.asarray(matrices.lhs, dtype=np.float64).reshape(len(use))
        X[use] = np.asarray(matrices.rhs, dtype=np.float64)
        strange = {}
        for factor, found in unknown.items():
            mask = np.zeros(len(frame), dtype=bool)
            mask[use[np.asarray(found.index)]] = True
            y[mask], X[mask] = np.nan, np.nan
            strange[", ".join(stands[factor].columns)] = (mask, tuple(dict.fromkeys(found)))
        return Arrays(y, X, strange)

    def _corresponding(self, other: Reading) -> dict[str, Stand]:
        """What stands for each factor in a source: the factor at the same place of its formula."""
        from moored.inference.formulas.materializer import Stand

        mine, theirs = (self.reading.outcome, *self.reading.terms), (other.outcome, *other.terms)
        if list(map(len, mine)) != list(map(len, theirs)):
            raise self._other_terms(other)
        pairs: dict[str, str] = {}
        for own, given in zip(sum(mine, ()), sum(theirs, ()), strict=True):
            if pairs.setdefault(own, given) != given:
                raise DataInvalid(
                    f"{other.what}: {own} stands for both {pairs[own]} and {given}; write each column at one place."
                )
        stands = {}
        for own, given in pairs.items():
            code, theirs_code = self.reading.codes[own], other.codes[given]
            same = code.text == theirs_code.text or {code.text, theirs_code.text} <= _PLAIN
            if not same and (code.learns or code.codes):
                raise self._other_terms(other)
            stands[own] = (
                Stand(code, theirs_code.variables) if same else Stand(theirs_code, theirs_code.variables, {})
            )
        return stands

    def _other_terms(self, other: Reading) -> DataInvalid:
        here, there = _spelled(self.reading), _spelled(other)
        return DataInvalid(
            f"{other.what} has the terms {there} where the formula has {here}; write the same terms in the same "
            "order over the source's columns."
        )

    def _refuse_outcome(self) -> None:
        kinds = {getattr(kind, "value", kind) for kind, _ in self._spec.lhs.encoder_state.values()}
        if len(self._spec.lhs.column_names) != 1 or "categorical" in kinds:
            raise _no_outcome(self.reading)

    def _refuse_terms(self) -> None:
        twice = [term for i, term in enumerate(self.terms) if term in self.terms[:i]]
        if twice:
            raise DataInvalid(
                f"{self.reading.what}: two columns of the formula would be called {twice[0]}; rename yours."
            )
        empty = [str(part.term) for part in self._spec.rhs.structure if not part.columns]
        if empty:
            raise Singular(
                f"{self.reading.what}: {empty[0]} has a single level among the labelled units, so nothing can be "
                "said of it; drop it, or label units of another level."
            )


def refuse_infinite(reading: Reading, terms: Sequence[str], arrays: Arrays, rows: Mask, names: Any) -> None:
    """Refuse a labelled unit for which the formula has no finite number, though its values are there.

    names : (T,) what a message calls each row. Errors: `NonFinite`.
    """
    everything = np.column_stack([arrays.y, arrays.X])
    for term, values in zip((reading.outcome[0], *terms), everything.T, strict=True):
        bad = rows & ~np.isfinite(values)
        if bad.any():
            raise NonFinite(
                f"{reading.what}: {term} is no finite number for {counted(int(bad.sum()), 'labelled unit')} "
                f"({named_rows(np.asarray(names)[bad])}); look at their values, or write another term.",
                rows=[int(row) for row in np.flatnonzero(bad)[:3]],
            )


def _no_outcome(reading: Reading) -> DataInvalid:
    return DataInvalid(
        f"{reading.what}: the outcome must be one numeric column, and {reading.outcome[0]} holds words or "
        "categories; code it in numbers, such as 1 and 0 (true and false are read so)."
    )


def _spelled(reading: Reading) -> str:
    return ", ".join(":".join(term) or "Intercept" for term in reading.terms)


def _own_stands(reading: Reading) -> dict[str, Stand]:
    from moored.inference.formulas.materializer import Stand

    return {factor: Stand(code, code.variables) for factor, code in reading.codes.items()}


def _any_missing(cells: Mapping[str, Cells], size: int) -> Mask:
    missing = np.zeros(size, dtype=bool)
    for found in cells.values():
        missing |= found.missing
    return missing


def _complete(cells: Mapping[str, Cells], use: Any) -> pd.DataFrame:
    import pandas as pd

    data = {name: found.values.iloc[use].reset_index(drop=True) for name, found in cells.items()}
    for name, values in data.items():
        if isinstance(values.dtype, pd.CategoricalDtype):
            data[name] = values.cat.remove_unused_categories()
    return pd.DataFrame(data)


def _one_row(cells: Mapping[str, Cells]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({name: [1.0] for name in cells})


def _refuse_learning(reading: Reading, cells: Mapping[str, Cells]) -> None:
    learning = any(code.learns or code.codes for code in reading.codes.values())
    if learning or any(found.words for found in cells.values()):
        raise DataInvalid(
            f"{reading.what}: a table read in chunks cannot have text columns or transforms that look at the "
            "whole column; make them numeric columns first."
        )


def _matrices(
    reading: Reading,
    data: pd.DataFrame,
    stands: Mapping[str, Stand],
    learned: Mapping[str, Learned],
    spec: Any,
) -> tuple[Any, dict[str, Any]]:
    from moored.inference.formulas.materializer import Rows

    rows = Rows(data, stands, learned)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # what they warn of is checked here: strange levels, log(0)
            return rows.get_model_matrix(spec, na_action="ignore"), rows.unknown
    except Exception as error:  # formulaic's, numpy's and pandas' own
        raise _cause(reading, error) from error


def _cause(reading: Reading, error: Exception) -> MooredError:
    """The error as a sentence that says where; formulaic hides the first one behind its own."""
    first: BaseException = error
    while first.__cause__ is not None:
        first = first.__cause__
    words = str(first.message if isinstance(first, MooredError) else first)
    said = (words.splitlines() or [type(first).__name__])[0].rstrip(". ")
    if base := re.fullmatch(r"(.+) is not in list", said):
        said = (
            f"{base[1]} is no level of the category; write one that labelled units have, as it stands in the "
            "column, words between quotes and numbers without: Treatment('b'), Treatment(2)"
        )
    elif isinstance(first, TypeError):
        said = (
            "a function there is given too few values, too many, or others than it takes"
            if re.search(r"arguments?\b", said)
            else "words are computed with; write C(...) for categories"
        )
    return DataInvalid(f"{reading.what} is {reading.text!r}, which cannot be computed: {said}.")


def _learned(spec: Any) -> dict[str, Learned]:
    from moored.inference.formulas.materializer import Learned

    found = {}
    for part in (spec.lhs, spec.rhs):
        for factor, (kind, state) in part.encoder_state.items():
            levels = tuple(state.get("categories", ())) if kind.value == "categorical" else None
            found[factor] = Learned(levels)
    return found
