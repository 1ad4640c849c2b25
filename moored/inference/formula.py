"""Data frames and formulas: from named columns to a Sample, in memory or chunk by chunk.

pandas and formulaic are imported inside the functions; importing this module costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from moored.errors import ColumnMissing, DataInvalid, EmptyTable, NoLabels, Unidentified
from moored.inference.copies import copied, repeated, stacked
from moored.inference.data import Kind, Mask, Sample, Source
from moored.inference.formulas.cells import RowNames, column, named_rows
from moored.inference.formulas.grammar import Reading, read_formula
from moored.inference.formulas.matrix import Arrays, Design, refuse_infinite
from moored.inference.formulas.missing import Kept, keep
from moored.inference.formulas.table import as_pandas, codes, labelled_rows, probabilities
from moored.inference.formulas.unsaid import alike_categories, alike_clusters, codes_for_missing
from moored.inference.solve.passes import Stream
from moored.plaintext import counted, meant

if TYPE_CHECKING:
    import pandas as pd

FORMULA = "the human formula"
MANY_TERMS = 100
"""Below, a matrix of more columns than labelled units is made, and the estimators refuse it."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Where a table keeps what.

    Attributes
    ----------
    formula
        "y ~ x" over the human columns.
    labelled
        The column that is 1 or true where a unit is labelled.
    sources
        Name -> formula over the source's columns. A name that starts with "syn" is a synthetic source,
        any other a proxy; "name:synthetic" and "name:proxy" say so outright.
    weights
        Column of inverse labelling probabilities, 1 / pi_t >= 1, known for every unit.
    probability
        Column of labelling probabilities pi_t instead.
    cluster, strata
        Columns of codes.
    missing
        "refuse" a labelled unit that lacks a value, or "drop" it (`moored.inference.formulas.missing`).
    """

    formula: str
    labelled: str
    sources: Mapping[str, str]
    weights: str | None = None
    probability: str | None = None
    cluster: str | None = None
    strata: str | None = None
    missing: str = "refuse"

    def source_formulas(self) -> tuple[tuple[str, Kind, str], ...]:
        """(name, kind, formula) of each source."""
        if not isinstance(self.sources, Mapping):
            raise DataInvalid(
                f"The sources came as {type(self.sources).__name__}; give each a name and a formula, such as "
                'sources={"proxy": "gpt ~ hedge"}.'
            )
        return tuple((*name_and_kind(name), formula) for name, formula in self.sources.items())

    def plain(self) -> tuple[str, ...]:
        """The columns that are used as they are."""
        named = (self.labelled, self.weights, self.probability, self.cluster, self.strata)
        return tuple(name for name in named if name is not None)


NO_ROWS = "The table has no rows; give one row per unit."


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

    Human columns may be empty where a unit is not labelled; a labelled unit that lacks one is refused, or left out
    by the rule of `moored.inference.formulas.missing`. A source's row with an empty value, or with a category that
    no labelled unit has, counts as a failed generation: it keeps its place with a zero moment.

    Raises
    ------
    ColumnMissing, DataInvalid, NoLabels, NonFinite, Singular.

    Example
    -------
    >>> table = {"y": [1.0, 0.0, None], "labelled": [1, 1, 0], "gpt": [0.9, 0.2, 0.6]}
    >>> sample_from_frame(table, Columns("y ~ 1", "labelled", {"gpt": "gpt ~ 1"})).n_labelled
    2
    """
    frame = as_pandas(data)
    _refuse_absent(frame.columns, columns)
    if frame.empty:
        raise EmptyTable(NO_ROWS)
    reading = read_formula(FORMULA, columns.formula)
    labelled = labelled_rows(frame, columns.labelled)
    kept = _kept(frame, reading, labelled, columns, 0)
    if not kept.labelled.any():
        raise NoLabels(_none_labelled(len(frame), kept))
    design = Design(reading, frame, kept.labelled)
    sources = _source_readings(columns)
    sample = _sample(frame, columns, design, kept, sources, 0)
    notes = (
        *codes_for_missing(frame, (reading, *sources)),
        *alike_categories(frame, (reading, *sources)),
        *(() if columns.cluster is None else alike_clusters(frame[columns.cluster], columns.cluster)),
        *copied(sample),
        *_repeats(frame, reading, kept.labelled, columns),
    )
    return replace(sample, notes=(*sample.notes, *notes)) if notes else sample


def _repeats(frame: pd.DataFrame, reading: Reading, labelled: Mask, columns: Columns) -> tuple[str, ...]:
    """What is to be said of units that stand in several rows."""
    if (whole := repeated(frame)) or columns.cluster is not None:
        return whole
    outcome = tuple(name for factor in reading.outcome for name in reading.codes[factor].variables)
    return stacked(frame, outcome, [name for name in reading.covariates if name not in outcome], labelled)


def _none_labelled(total: int, kept: Kept) -> str:
    if kept.notes:
        return f"No labelled unit has a value in each column of the formula: {'; '.join(kept.notes)}."
    return f"None of the {total} units is labelled; label some at random."


def stream_from_frames(chunks: Callable[[], Iterable[Any]], columns: Columns) -> Stream:
    """A stream of Samples from a function that starts a new iteration over data frames.

    Formulas are read against the first chunk, so they may not depend on the rest of the data: text
    columns and transforms such as center() are refused, and so is `missing="drop"`.

    Example
    -------
    >>> columns = Columns("y ~ 1", "labelled", {"gpt": "gpt ~ 1"})
    >>> table = {"y": [1.0, 0.0, None], "labelled": [1, 1, 0], "gpt": [0.9, 0.2, 0.6]}
    >>> stream = stream_from_frames(lambda: [table, table], columns)
    >>> sum(chunk.n_total for chunk in stream())
    6
    """
    first = next(iter(chunks()), None)
    if first is None:
        raise EmptyTable(NO_ROWS)
    if columns.missing != "refuse":
        raise DataInvalid(
            "A table read in chunks cannot leave units out; read it whole, or remove the rows that lack a value."
        )
    frame = as_pandas(first)
    _refuse_absent(frame.columns, columns)
    everyone = np.ones(len(frame), dtype=bool)
    design = Design(read_formula(FORMULA, columns.formula), frame, everyone, fixed=True)
    sources = _source_readings(columns)
    for reading in sources:
        Design(reading, frame, everyone, fixed=True)

    def samples() -> Iterator[Sample]:
        rows = 0
        for chunk in chunks():
            part = as_pandas(chunk)
            kept = _kept(part, design.reading, labelled_rows(part, columns.labelled), columns, rows)
            yield _sample(part, columns, design, kept, sources, rows)
            rows += len(part)

    return samples


def needed_columns(columns: Columns, available: Iterable[str]) -> tuple[str, ...]:
    """The table's columns that the formulas and options name, in the table's order."""
    names = list(available)
    _refuse_absent(names, columns)
    wanted = set(columns.plain())
    for what, text in ((FORMULA, columns.formula), *_named(columns)):
        wanted |= set(read_formula(what, text).variables)
    return tuple(name for name in names if name in wanted)


def _named(columns: Columns) -> tuple[tuple[str, str], ...]:
    return tuple((f"Source {name!r}", text) for name, _, text in columns.source_formulas())


def _source_readings(columns: Columns) -> list[Reading]:
    return [read_formula(what, text) for what, text in _named(columns)]


def _refuse_absent(names: Iterable[Any], columns: Columns) -> None:
    """Refuse a column that an option or a formula names and the table does not have."""
    there = list(names)
    known = ", ".join(map(str, there))
    for name in columns.plain():
        if name not in there:
            raise ColumnMissing(f"The table has no column {name!r}{meant(name, there)}; it has {known}.")
    for what, text in ((FORMULA, columns.formula), *_named(columns)):
        unknown = [name for name in read_formula(what, text).variables if name not in there]
        if unknown:
            raise ColumnMissing(
                f"{what} is {text!r}; the table has no column {unknown[0]!r}{meant(unknown[0], there)}, it has "
                f"{known}."
            )


def _kept(frame: pd.DataFrame, reading: Reading, labelled: Mask, columns: Columns, before: int) -> Kept:
    missing = {name: column(frame, name).missing for name in reading.variables}
    known = [name for name in reading.covariates if labelled.all() or not missing[name][~labelled].all()]
    return keep(
        columns.missing,
        labelled,
        {name: mask for name, mask in missing.items() if name not in known},
        {name: missing[name] for name in known},
        _rows(frame, before),
        what=reading.what,
        way_out='missing="drop" (--missing drop)',
    )


def _rows(frame: pd.DataFrame, before: int) -> RowNames:
    """What messages call the rows."""
    return RowNames(before, len(frame))


def _sample(
    frame: pd.DataFrame, columns: Columns, design: Design, kept: Kept, readings: list[Reading], before: int
) -> Sample:
    rows = _rows(frame, before)
    human = design.own(frame, kept.labelled)
    labelled = kept.labelled
    refuse_infinite(design.reading, design.terms, human, labelled, rows)
    refuse_many_terms(design, int(labelled.sum()))
    sources, notes = [], list(kept.notes)
    for (name, kind, _), reading in zip(columns.source_formulas(), readings, strict=True):
        source, note = source_of(name, kind, design.source(frame, reading))
        sources.append(source)
        notes += note
    probability = probabilities(frame, columns.probability, columns.weights, rows)
    sample = Sample(
        y=human.y,
        X=human.X,
        labelled=labelled,
        terms=design.terms,
        sources=tuple(sources),
        probability=None if probability is None else probability * kept.share,
        cluster=None if columns.cluster is None else codes(frame, columns.cluster, rows),
        strata=None if columns.strata is None else codes(frame, columns.strata, rows),
        notes=tuple(notes),
    )
    return sample if kept.units.all() else sample.take(kept.units)


def source_of(name: str, kind: Kind, arrays: Arrays) -> tuple[Source, list[str]]:
    """A source, and what is to be said of the categories that it alone has."""
    observed = np.isfinite(arrays.y) & np.isfinite(arrays.X).all(axis=1)
    notes = []
    for where, (mask, levels) in arrays.strange.items():
        named = named_rows(repr(level) for level in levels)
        if not observed.any():
            raise DataInvalid(
                f"Source {name!r} holds {named} in {where} and nothing that a labelled unit has there; write its "
                "categories as the human ones."
            )
        notes.append(
            f"source {name!r}: {counted(int(mask.sum()), 'unit holds', 'units hold')} {named} in {where}, which no "
            "labelled unit has; counted as failed generations"
        )
    return Source(name, kind, arrays.y, arrays.X, None if observed.all() else observed), notes


def refuse_many_terms(design: Design, labelled: int) -> None:
    """Refuse more terms than labels before a source's matrix of so many columns is made."""
    if len(design.terms) > max(labelled, MANY_TERMS):
        raise Unidentified(
            f"{counted(labelled, 'labelled unit')} cannot identify {len(design.terms)} parameters and "
            "their errors; label "
            "more, or drop covariates.",
            n=labelled,
            p=len(design.terms),
        )
