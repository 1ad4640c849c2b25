"""From a study's table to the arrays of its estimate: one formula, learned once, applied to every source alike."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from moored.errors import ColumnMissing, DataInvalid, StudyInvalid, Unidentified
from moored.inference import Sample
from moored.inference.formula import source_of
from moored.inference.formulas.grammar import Reading, read_formula
from moored.inference.formulas.matrix import Design, refuse_infinite
from moored.inference.formulas.unsaid import alike_clusters, codes_for_missing
from moored.plaintext import counted
from moored.study import Study


def build_sample(study: Study, units: pd.DataFrame, values: Mapping[str, pd.DataFrame]) -> Sample:
    """The sample that the estimators take.

    units: one row per unit, with `labelled`, `probability`, `cluster` and a column per variable.
    values: for each source a frame with the same rows and the study's variables, missing where not observed.

    Errors: `StudyInvalid` (the formula names something else than the study's variables, or cannot be computed of
    them), `Unidentified` (fewer labelled units than parameters), `Singular`, `NonFinite`.
    """
    design = design_of(study, units)
    labelled = units["labelled"].to_numpy(dtype=bool)
    if labelled.sum() <= len(design.terms):
        raise Unidentified(
            f"{counted(int(labelled.sum()), 'labelled unit')} cannot identify "
            f"{counted(len(design.terms), 'parameter')} with their errors; "
            "label more units or drop covariates"
        )
    human = design.own(units, labelled)
    refuse_infinite(design.reading, design.terms, human, labelled, units["unit_id"])
    kinds = {source.name: source.kind for source in study.sources}
    sources, notes = [], []
    for name, frame in values.items():
        source, note = source_of(
            name, kinds[name], design.source(_coded(study, design.reading, units, frame))
        )
        sources.append(source)
        notes += note
    notes += codes_for_missing(units, (design.reading,))
    if study.data.cluster:
        notes += alike_clusters(units["cluster"], study.data.cluster)
    return Sample(
        y=human.y,
        X=human.X,
        labelled=labelled,
        terms=design.terms,
        sources=tuple(sources),
        probability=units["probability"].to_numpy(dtype=float) if study.labels.probability else None,
        cluster=pd.factorize(units["cluster"])[0] if study.data.cluster else None,
        notes=tuple(notes),
    )


def everyone_labelled(study: Study, units: pd.DataFrame) -> Sample | None:
    """The sample had everyone been labelled: the held-back labels count. None where none were held back.

    The formula is the one that the labelled units taught, so that its terms mean the same.
    """
    label = units[study.outcome.name].fillna(units["held_back"])
    if units["held_back"].notna().sum() == 0 or label.isna().any():
        return None
    design = design_of(study, units)
    human = design.source(units.assign(**{study.outcome.name: label}))
    known = np.isfinite(human.y) & np.isfinite(human.X).all(axis=1)
    return Sample(y=human.y[known], X=human.X[known], labelled=known[known], terms=design.terms)


def design_of(study: Study, units: pd.DataFrame) -> Design:
    """The formula, learned from the labelled units. Errors: `StudyInvalid`, `Singular`."""
    try:
        return Design(reading_of(study), units, units["labelled"].to_numpy(dtype=bool))
    except DataInvalid as error:
        raise StudyInvalid(error.message) from error


def reading_of(study: Study) -> Reading:
    """The formula, read against the study's variables. Errors: `StudyInvalid`."""
    variables = [study.outcome.name, *(covariate.name for covariate in study.covariates)]
    example = (
        f"write it over {', '.join(variables)}, as `{variables[0]} ~ {' + '.join(variables[1:]) or '1'}`"
    )
    try:
        reading = read_formula("`estimate.formula`", study.estimate.formula)
        unknown = [name for name in reading.variables if name not in variables]
        if unknown:
            raise ColumnMissing(
                f"`estimate.formula` is {study.estimate.formula!r}; the study has no variable {unknown[0]!r}"
            )
    except DataInvalid as error:
        raise StudyInvalid(f"{error.message.rstrip('.')}; {example}") from error
    if reading.outcome != (study.outcome.name,):
        raise StudyInvalid(
            f"`estimate.formula` explains {', '.join(reading.outcome)}; the study's outcome is {study.outcome.name}"
        )
    return reading


def _coded(study: Study, reading: Reading, units: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """A source's values, those that the formula makes categories of at the nearest of the human ones.

    What a model reads may be a mean over draws or a probability, which no human label is.
    """
    coded = {name for code in reading.codes.values() if code.codes for name in code.variables}
    nearest = {}
    for name in coded & set(study.questions):
        levels = np.unique(units[name][units["labelled"].astype(bool)].dropna().to_numpy(dtype=float))
        values = frame[name].to_numpy(dtype=float)
        if len(levels):
            at = np.abs(np.nan_to_num(values)[:, None] - levels).argmin(axis=1)
            nearest[name] = np.where(np.isnan(values), np.nan, levels[at])
    return frame.assign(**nearest)
