"""Data frames and formulas: from named columns to a Sample, in memory or chunk by chunk.

pandas and formulaic are imported inside the functions; importing this module costs nothing.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from moored.errors import ColumnMissing, DataInvalid
from moored.inference.data import Array, Kind, Mask, Sample, Source
from moored.inference.solve.passes import Stream

if TYPE_CHECKING:
    import pandas as pd

LABELLED = {"1", "1.0", "true", "t", "yes"}
UNLABELLED = {"0", "0.0", "false", "f", "no", "", "nan", "none", "<na>"}
_LEVEL = re.compile(r"\[T?\.?([^\]]*)\]")


@dataclass(frozen=True, slots=True)
class Columns:
    """Where a table keeps what.

    Attributes
    ----------
    formula : "y ~ x" over the human columns.
    labelled : the column that is 1 or true where a unit is labelled.
    sources : name -> formula over the source's columns. A name that starts with "syn" is a synthetic source,
        any other a proxy; "name:synthetic" and "name:proxy" say so outright.
    weights : column of inverse labelling probabilities, 1 / pi_t >= 1, known for every unit.
    probability : column of labelling probabilities pi_t instead.
    cluster, strata : columns of codes.
    """

    formula: str
    labelled: str
    sources: Mapping[str, str]
    weights: str | None = None
    probability: str | None = None
    cluster: str | None = None
    strata: str | None = None

    def designs(self) -> tuple[tuple[str, Kind, str], ...]:
        """(name, kind, formula) of each source."""
        return tuple((*name_and_kind(name), formula) for name, formula in self.sources.items())

    def plain(self) -> tuple[str, ...]:
        """The columns that are used as they are."""
        named = (self.labelled, self.weights, self.probability, self.cluster, self.strata)
        return tuple(name for name in named if name is not None)


def name_and_kind(name: str) -> tuple[str, Kind]:
    """("synth:proxy") -> ("synth", "proxy"); without a colon the name's beginning decides."""
    bare, _, kind = name.partition(":")
    if kind in ("proxy", "synthetic"):
        return bare, "synthetic" if kind == "synthetic" else "proxy"
    if kind:
        raise DataInvalid(f"Source {name!r} is of kind {kind!r}; write {bare}:proxy or {bare}:synthetic.")
    return bare, "synthetic" if bare.lower().startswith("syn") else "proxy"


def sample_from_frame(data: Any, columns: Columns) -> Sample:
    """The Sample of a data frame (pandas, anything with `__dataframe__`, or a dict of columns).

    Human columns may be empty where a unit is not labelled. A source's row with an empty value counts as a
    failed generation: it keeps its place with a zero moment.

    Raises
    ------
    ColumnMissing, DataInvalid, NonFinite.
    """
    frame = as_pandas(data)
    human = Design(columns.formula, frame, what="--formula")
    sources = [Design(f, frame, what=what) for what, f in _named(columns)]
    return _sample(frame, columns, human, sources)


def stream_from_frames(chunks: Callable[[], Iterable[Any]], columns: Columns) -> Stream:
    """A stream of Samples from a function that starts a new iteration over data frames.

    Formulas are read against the first chunk, so they may not depend on the rest of the data: text
    columns and transforms such as center() are refused.
    """
    first = next(iter(chunks()), None)
    if first is None:
        raise DataInvalid("The table has no rows; give one row a unit.")
    frame = as_pandas(first)
    human = Design(columns.formula, frame, what="--formula", fixed=True)
    sources = [Design(f, frame, what=what, fixed=True) for what, f in _named(columns)]
    return lambda: (_sample(as_pandas(chunk), columns, human, sources) for chunk in chunks())


def needed_columns(columns: Columns, available: Iterable[str]) -> tuple[str, ...]:
    """The table's columns that the formulas and options name, in the table's order."""
    wanted = set(columns.plain())
    for what, text in (("--formula", columns.formula), *_named(columns)):
        wanted |= _variables(what, text)
    names = list(available)
    missing = sorted(set(columns.plain()) - set(names))
    if missing:
        raise ColumnMissing(f"The table has no column {missing[0]!r}; it has {', '.join(names)}.")
    return tuple(name for name in names if name in wanted)


def _named(columns: Columns) -> tuple[tuple[str, str], ...]:
    return tuple((f"source {name!r}", text) for name, _, text in columns.designs())


def _variables(what: str, text: str) -> set[str]:
    """The columns that a formula names."""
    from formulaic import Formula

    try:
        return {str(name) for name in Formula(text).required_variables}
    except Exception as error:  # formulaic's own errors, and Python's: a formula may hold Python expressions
        raise DataInvalid(f"{what} is {text!r}, which cannot be read: {_first_line(error)}") from error


class Design:
    """One formula, read once against a frame and then applied to that frame or to chunks like it."""

    def __init__(self, formula: str, frame: pd.DataFrame, *, what: str, fixed: bool = False) -> None:
        import formulaic

        self.what = what
        try:
            matrices = formulaic.model_matrix(formula, frame, na_action="ignore", context={})
            self._spec = matrices.model_spec
            outcomes, self.terms = list(self._spec.lhs.column_names), tuple(self._spec.rhs.column_names)
        except AttributeError as error:
            raise DataInvalid(f"{what} is {formula!r}; write it as outcome ~ covariates.") from error
        except Exception as error:
            raise _formula_error(what, formula, frame, error) from error
        kinds = {kind for kind, _ in self._spec.lhs.encoder_state.values()}
        if len(outcomes) != 1 or formulaic.parser.types.Factor.Kind.CATEGORICAL in kinds:
            raise DataInvalid(f"{what}: the outcome must be one numeric column, not {', '.join(outcomes)}.")
        if not self.terms:
            raise DataInvalid(f"{what}: the formula has no term on its right side; '~ 1' is the mean.")
        learned = any(spec.transform_state for spec in (self._spec.lhs, self._spec.rhs))
        if fixed and (learned or any("[" in term for term in self.terms)):
            raise DataInvalid(
                f"{what}: a table read in chunks cannot have text columns or transforms that look at the "
                "whole column; make them numeric columns first."
            )

    def arrays(self, frame: pd.DataFrame) -> tuple[Array, Array]:
        """y (m,) and X (m, p), with NaN where a value is missing."""
        matrices = self._spec.get_model_matrix(frame, na_action="ignore")
        y = np.asarray(matrices.lhs, dtype=np.float64).reshape(len(frame))
        return y, np.asarray(matrices.rhs, dtype=np.float64)


def _formula_error(what: str, formula: str, frame: pd.DataFrame, error: Exception) -> DataInvalid:
    unknown = sorted(_variables(what, formula) - set(frame.columns))
    if unknown:
        known = ", ".join(map(str, frame.columns))
        return ColumnMissing(
            f"{what} is {formula!r}; the table has no column {unknown[0]!r}, it has {known}."
        )
    return DataInvalid(f"{what} is {formula!r}, which cannot be read: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _sample(frame: pd.DataFrame, columns: Columns, human: Design, sources: list[Design]) -> Sample:
    missing = [name for name in columns.plain() if name not in frame.columns]
    if missing:
        known = ", ".join(map(str, frame.columns))
        raise ColumnMissing(f"The table has no column {missing[0]!r}; it has {known}.")
    y, X = human.arrays(frame)
    built = []
    for (name, kind, _), design in zip(columns.designs(), sources, strict=True):
        _refuse_other_terms(name, human.terms, design.terms)
        values, covariates = design.arrays(frame)
        observed = np.isfinite(values) & np.isfinite(covariates).all(axis=1)
        built.append(Source(name, kind, values, covariates, None if observed.all() else observed))
    return Sample(
        y=y,
        X=X,
        labelled=_labelled(frame, columns.labelled),
        terms=human.terms,
        sources=tuple(built),
        probability=_probability(frame, columns),
        cluster=None if columns.cluster is None else _codes(frame, columns.cluster),
        strata=None if columns.strata is None else _codes(frame, columns.strata),
    )


def _refuse_other_terms(name: str, human: tuple[str, ...], other: tuple[str, ...]) -> None:
    levels = [_LEVEL.findall(term) for term in human], [_LEVEL.findall(term) for term in other]
    if (
        len(human) != len(other)
        or levels[0] != levels[1]
        or (human[0] == "Intercept") != (other[0] == "Intercept")
    ):
        raise DataInvalid(
            f"Source {name!r} has the terms {', '.join(other)} where the formula has {', '.join(human)}; "
            "write the same terms in the same order over the source's columns."
        )


def _labelled(frame: pd.DataFrame, column: str) -> Mask:
    values = frame[column]
    if values.dtype.kind in "bif":
        numbers = np.nan_to_num(values.to_numpy(dtype=np.float64))
        if not bool(np.isin(numbers, (0.0, 1.0)).all()):
            raise DataInvalid(
                f"Column {column!r} must be 1 or true where a unit is labelled, 0 or false or empty "
                "elsewhere."
            )
        return np.asarray(numbers == 1.0)
    texts = values.astype(str).str.strip().str.lower().to_numpy()
    unknown = sorted(set(texts.tolist()) - LABELLED - UNLABELLED)
    if unknown:
        raise DataInvalid(
            f"Column {column!r} holds {unknown[0]!r}; it must be 1 or true where a unit is labelled, 0 or "
            "false or empty elsewhere."
        )
    return np.isin(texts, list(LABELLED))


def _probability(frame: pd.DataFrame, columns: Columns) -> Array | None:
    if columns.weights is not None and columns.probability is not None:
        raise DataInvalid("Give weights or probabilities, not both: a weight is 1 / probability.")
    if columns.probability is not None:
        return np.asarray(frame[columns.probability], dtype=np.float64)
    if columns.weights is None:
        return None
    weights = np.asarray(frame[columns.weights], dtype=np.float64)
    if not bool((weights >= 1.0).all()):
        raise DataInvalid(
            f"Column {columns.weights!r} holds inverse labelling probabilities: every unit needs one, 1 or "
            "more."
        )
    return np.asarray(1.0 / weights)


def _codes(frame: pd.DataFrame, column: str) -> np.ndarray[Any, Any]:
    if bool(frame[column].isna().any()):
        raise DataInvalid(f"Column {column!r} is empty in some rows; every unit needs a code.")
    values = frame[column].to_numpy()
    return values.astype(str) if values.dtype.kind not in "iub" else values


def as_pandas(data: Any) -> pd.DataFrame:
    """A pandas frame of a frame of any make; true and false become 1 and 0."""
    import pandas as pd

    if isinstance(data, pd.DataFrame):
        frame = data
    elif hasattr(data, "to_pandas"):
        frame = data.to_pandas()
    elif hasattr(data, "__dataframe__"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # pandas would rather have Arrow
            frame = pd.api.interchange.from_dataframe(data)
    elif isinstance(data, Mapping):
        frame = pd.DataFrame(dict(data))
    else:
        raise DataInvalid(f"A {type(data).__name__} is not a data frame; give pandas, or a dict of columns.")
    logical = [
        name
        for name in frame.columns
        if frame[name].dtype.kind == "b"
        or str(frame[name].dtype) == "boolean"
        or (frame[name].dtype == object and frame[name].map(lambda v: isinstance(v, bool) or v is None).all())
    ]
    if not logical:
        return frame
    return frame.assign(**{name: frame[name].astype("Float64").astype(float) for name in logical})
