"""From a study's table to the arrays of its estimate: one formula, read once, applied to every source alike."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from moored.errors import StudyInvalid, Unidentified
from moored.inference import Sample
from moored.inference import Source as SourceArrays
from moored.study import Study

# A formula is evaluated as Python by formulaic; a study file must not run code.
_PLAIN_FORMULA = re.compile(r"[A-Za-z0-9_\s~+\-*:^()]+")
_CALL = re.compile(r"\w\s*\(")


def build_sample(study: Study, units: pd.DataFrame, values: Mapping[str, pd.DataFrame]) -> Sample:
    """The sample that the estimators take.

    units: one row a unit, with `labelled`, `probability`, `cluster` and a float column a variable.
    values: for each source a frame with the same rows and the study's variables, NaN where not observed.

    Errors: `StudyInvalid` (the formula names something else than the study's variables), `Unidentified` (fewer
    labelled units than parameters).
    """
    spec = formula_spec(study, units)
    y, X = _arrays(spec, units)
    labelled = units["labelled"].to_numpy(dtype=bool)
    if labelled.sum() <= X.shape[1]:
        raise Unidentified(
            f"{labelled.sum()} labelled units cannot identify {X.shape[1]} parameters with their errors; "
            "label more units or drop covariates"
        )
    sources = tuple(_source(study, spec, name, frame) for name, frame in values.items())
    return Sample(
        y=y,
        X=X,
        labelled=labelled,
        terms=tuple(spec.rhs.column_names),
        sources=sources,
        probability=units["probability"].to_numpy(dtype=float) if study.labels.probability else None,
        cluster=pd.factorize(units["cluster"])[0] if study.data.cluster else None,
    )


def everyone_labelled(study: Study, units: pd.DataFrame) -> Sample | None:
    """The sample had everyone been labelled: the held-back labels count. None where none were held back."""
    label = units[study.outcome.name].fillna(units["held_back"])
    if units["held_back"].notna().sum() == 0 or label.isna().any():
        return None
    whole = units.assign(**{study.outcome.name: label}, labelled=True, probability=1.0)
    spec = formula_spec(study, whole)
    y, X = _arrays(spec, whole)
    return Sample(y=y, X=X, labelled=np.ones(len(whole), dtype=bool), terms=tuple(spec.rhs.column_names))


def formula_spec(study: Study, units: pd.DataFrame) -> Any:
    """The formula read against the study's variables. Errors: `StudyInvalid`."""
    import formulaic

    if not _PLAIN_FORMULA.fullmatch(study.estimate.formula) or _CALL.search(study.estimate.formula):
        raise StudyInvalid(
            f"`estimate.formula` is {study.estimate.formula!r}; it may hold names, numbers and ~ + - * : ^ ( ), "
            "no function calls: transform a variable in its rule or column"
        )
    variables = [study.outcome.name, *(covariate.name for covariate in study.covariates)]
    try:
        spec = formulaic.model_matrix(study.estimate.formula, units[variables], na_action="ignore").model_spec
        outcome = list(spec.lhs.column_names)
    except (formulaic.errors.FormulaicError, AttributeError) as error:
        raise StudyInvalid(
            f"`estimate.formula` is {study.estimate.formula!r}: {str(error).splitlines()[0]}; "
            f"write it over {', '.join(variables)}, as `{variables[0]} ~ {' + '.join(variables[1:]) or '1'}`"
        ) from error
    if outcome != [study.outcome.name]:
        raise StudyInvalid(
            f"`estimate.formula` explains {', '.join(outcome)}; the study's outcome is {study.outcome.name}"
        )
    return spec


def _source(study: Study, spec: Any, name: str, frame: pd.DataFrame) -> SourceArrays:
    kind = next(source.kind for source in study.sources if source.name == name)
    y, X = _arrays(spec, frame)
    observed = np.isfinite(y) & np.isfinite(X).all(axis=1)
    return SourceArrays(name=name, kind=kind, y=y, X=X, observed=observed)


def _arrays(spec: Any, frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    matrices = spec.get_model_matrix(frame)
    return (
        matrices.lhs.to_numpy(dtype=float).ravel(),
        matrices.rhs.to_numpy(dtype=float),
    )
