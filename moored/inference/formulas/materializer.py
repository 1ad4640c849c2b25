"""formulaic's matrices with our own reading of each factor: what may be called, and for whose columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from formulaic.materializers import PandasMaterializer
from formulaic.materializers.types import FactorValues
from formulaic.parser.types import Factor
from formulaic.transforms import TRANSFORMS
from formulaic.utils.stateful_transforms import stateful_eval
from interface_meta import override

from moored.errors import DataInvalid
from moored.inference.formulas.expressions import CODING, CONTRASTS, ELEMENTWISE, LEARNING, Code


@dataclass(frozen=True, slots=True, eq=False)
class Stand:
    """What stands for one factor of the formula.

    code : what is computed.
    columns : the columns of the data that it is computed of.
    state : where it keeps what it learns; None: with the formula, the same for all.
    """

    code: Code
    columns: tuple[str, ...]
    state: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """What a factor is since the formula was learned: its levels, or None for a number."""

    levels: tuple[Any, ...] | None


class Rows(PandasMaterializer):  # type: ignore[misc]
    """Matrices of a table whose rows are complete.

    stands : what stands for each factor. learned : what each is; empty while the formula is learned. Afterwards a
    spline keeps the value that it has at the boundary of the range that it learned.

    `unknown` holds the categories of each factor that were not there to be learned, with their rows.
    """

    def __init__(
        self, data: pd.DataFrame, stands: Mapping[str, Stand], learned: Mapping[str, Learned]
    ) -> None:
        super().__init__(data, context={})
        self.stands, self.learned = stands, learned
        self.functions = _functions(beyond=bool(learned))
        self.unknown: dict[str, pd.Series[Any]] = {}

    @override  # type: ignore[untyped-decorator]
    def _lookup(self, name: str) -> tuple[Any, set[Any]]:
        return self._value(name, None), set()

    @override  # type: ignore[untyped-decorator]
    def _evaluate(self, expr: str, metadata: Any, spec: Any) -> tuple[Any, set[Any]]:  # noqa: ARG002
        return self._value(expr, spec), set()

    def _value(self, factor: str, spec: Any) -> Any:
        stand, known = self.stands[factor], self.learned.get(factor)
        columns = [self.data[name] for name in stand.columns]
        if known is None:
            return self._computed(factor, stand, columns, spec)
        if known.levels is None:
            value = self._computed(factor, stand, columns, spec)
            if self._is_categorical(value):
                raise DataInvalid(
                    f"{', '.join(stand.columns)} holds words, or numbers written as texts, where the formula has "
                    "numbers"
                )
            return value
        columns = [_alike(column, known.levels) for column in columns]
        return self._of_levels(factor, self._computed(factor, stand, columns, spec), known.levels)

    def _computed(self, factor: str, stand: Stand, columns: list[Any], spec: Any) -> Any:
        if stand.code.text == "v0_":
            return columns[0]
        words = [
            name for name, column in zip(stand.columns, columns, strict=True) if column.dtype.kind == "O"
        ]
        if words and not stand.code.codes:
            raise DataInvalid(f"{words[0]!r} holds words, which C(...) alone can take")
        if stand.code.codes:
            columns = [_whole(column) for column in columns]
        state = stand.state
        if state is None:
            state = spec.transform_state.setdefault(factor, {})
        env = self.functions | {f"v{i}_": column for i, column in enumerate(columns)}
        return stateful_eval(stand.code.text, env, {}, state, spec)

    def _of_levels(self, factor: str, value: Any, levels: tuple[Any, ...]) -> Any:
        metadata = getattr(value, "__formulaic_metadata__", None)
        series = pd.Series(getattr(value, "__wrapped__", value))
        strange = ~series.isin(levels)
        if strange.any():
            self.unknown[factor] = series[strange]
        return FactorValues(
            series.astype(object),
            **(
                {"metadata": metadata}
                if metadata
                else {"kind": Factor.Kind.CATEGORICAL, "spans_intercept": True}
            ),
        )


def _alike(column: pd.Series[Any], levels: tuple[Any, ...]) -> pd.Series[Any]:
    """The column in the levels' own type: words for words, numbers for numbers, whichever way a table has them."""
    words = any(isinstance(level, str) for level in levels)
    numeric = column.dtype.kind == "f"
    if words and numeric:
        return column.map(_as_word).astype(object)
    if not words and not numeric:
        return pd.to_numeric(column.astype(object), errors="coerce")
    return column


def _as_word(value: float) -> str:
    """A number as a table has it among words: 1 and not 1.0, and every digit of 1234567."""
    return str(int(value)) if value.is_integer() else repr(float(value))


def _whole(column: pd.Series[Any]) -> pd.Series[Any]:
    """Whole numbers as such, so that a level is called 2 and not 2.0."""
    if (
        column.dtype.kind == "f"
        and bool((column == column.round()).all())
        and bool((column.abs() < 2**53).all())
    ):
        return column.astype("int64")
    return column


def _functions(*, beyond: bool) -> dict[str, Any]:
    named = {name: TRANSFORMS[name] for name in ("I", *CODING, *LEARNING)}
    named |= {name: getattr(np, name, None) or TRANSFORMS[name] for name in ELEMENTWISE}
    named["poly"] = _poly
    named |= {f"contr_{name}": getattr(TRANSFORMS["contr"], _spelt(name)) for name in CONTRASTS}
    if beyond:
        named["bs"] = _clipped
    return {f"f_{name}": function for name, function in named.items()}


def _spelt(contrast: str) -> str:
    return "SAS" if contrast == "sas" else contrast


def _poly(*args: Any, **options: Any) -> Any:
    """formulaic's poly, whose raw columns have no names: [0] would be the first degree, and [1] the second."""
    found = TRANSFORMS["poly"](*args, **options)
    if isinstance(found, FactorValues):
        return found
    return FactorValues(found, column_names=tuple(str(degree + 1) for degree in range(found.shape[1])))


_poly.__is_stateful_transform__ = True  # type: ignore[attr-defined]  # formulaic's mark


def _clipped(*args: Any, **options: Any) -> Any:
    return TRANSFORMS["bs"](*args, **{"extrapolation": "clip"} | options)


_clipped.__is_stateful_transform__ = True  # type: ignore[attr-defined]  # formulaic's mark
