"""The estimates of a study: its estimators over one sample, as rows to store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from moored.errors import EstimationError, StudyInvalid
from moored.inference import ESTIMATORS, Fit, Sample, headline
from moored.inference.notes import notes_of
from moored.run.readings import Material
from moored.run.sample import build_sample, everyone_labelled
from moored.study import Study

EVERYONE = "everyone-labelled"
"""The human-only estimate had every held-back label counted: a demonstration's yardstick, not an estimate."""

_DEFAULT = ("human", "naive-proxy", "naive-synthetic", "gmm-proxy", "gmm-synth", "gmm-small")
_NEEDS = {
    "proxy": ("naive-proxy", "ppi++-proxy", "gmm-proxy"),
    "synthetic": ("naive-synthetic", "ppi++-synth"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Estimates:
    """What is published.

    estimates : estimator, term, estimate, se, lower, upper, p_value, effective_n, labels_saved, r2.
    fits : estimator, family, level, target, n_labelled, n_total, j, j_df, j_p_value, warnings, covariance.
    headline : the estimator to read, by the rule of `moored.inference.headline`.
    marks : what a reader must know of the data, and the estimators that could not be fitted, with the reason.
    """

    estimates: pd.DataFrame
    fits: pd.DataFrame
    headline: str
    marks: tuple[str, ...]

    def rows(self) -> list[dict[str, Any]]:
        """The estimates, a mapping a row; None where an estimator has no such number."""
        frame = self.estimates.astype(object)
        rows = frame.where(frame.notna(), None).to_dict("records")
        return [{str(name): value for name, value in row.items()} for row in rows]


def sample_of(study: Study, material: Material) -> Sample:
    """The sample that is checked and estimated from."""
    return build_sample(study, material.units, material.values)


def estimate_study(study: Study, material: Material) -> Estimates:
    """Fit every estimator that the study asks for, and the headline's.

    Errors: the `EstimationError` family, where the human labels alone give no estimate. Any other estimator that
    fails is left out and marked.
    """
    sample = sample_of(study, material)
    wanted = wanted_estimators(study)
    ruled = headline_of(study, sample)
    fits, marks = [], []
    for name in dict.fromkeys((*wanted, ruled)):
        try:
            fits.append(ESTIMATORS[name](sample, study.estimate.family, **_options(study)))
        except EstimationError as error:
            if name == "human":
                raise
            marks.append(f"{name} could not be fitted: {error.message}")
    named = ruled if ruled in {fit.estimator for fit in fits} else "human"
    rows = [row for fit in fits for row in fit.rows()] + list(_everyone(study, material))
    summaries = [fit.record() | {"family": fit.family, "level": fit.level} for fit in fits]
    return Estimates(pd.DataFrame(rows), pd.DataFrame(summaries), named, (*notes_of(sample), *marks))


def _options(study: Study) -> dict[str, Any]:
    options: dict[str, Any] = {"level": study.estimate.level}
    if study.estimate.target != "population":  # an estimator of the user's own need not know of it
        options["target"] = study.estimate.target
    return options


def headline_of(study: Study, sample: Sample) -> str:
    """The estimator that the rule names for the study."""
    synthetic = any(source.kind == "synthetic" for source in study.sources)
    return headline(study.estimate.family, len(sample.sources), synthetic=synthetic)


def refuse_without_estimate(study: Study, units: pd.DataFrame) -> None:
    """Fit the human labels alone: what they do not identify, no source can mend, so no model is asked.

    Errors: those of `build_sample`, the `EstimationError` family, `StudyInvalid` for an estimator of no such name.
    """
    wanted_estimators(study)
    sample = build_sample(study, units, {})
    ESTIMATORS["human"](sample, study.estimate.family, level=study.estimate.level)


def wanted_estimators(study: Study) -> tuple[str, ...]:
    """The study's estimators; without a list, all that its kinds of source allow. Errors: `StudyInvalid`."""
    unknown = [name for name in study.estimate.estimators or () if name not in ESTIMATORS]
    if unknown:
        raise StudyInvalid(
            f"`estimate.estimators` names {', '.join(unknown)}; there are {', '.join(ESTIMATORS)}"
        )
    if study.estimate.estimators is not None:
        return study.estimate.estimators
    kinds = {source.kind for source in study.sources}
    impossible = {name for kind, names in _NEEDS.items() if kind not in kinds for name in names}
    return tuple(name for name in _DEFAULT if name not in impossible)


def _everyone(study: Study, material: Material) -> Iterator[dict[str, Any]]:
    whole = everyone_labelled(study, material.units)
    if whole is not None:
        fit: Fit = ESTIMATORS["human"](whole, study.estimate.family, level=study.estimate.level)
        blank = {"estimator": EVERYONE, "effective_n": None, "labels_saved": None, "r2": None}
        yield from (row | blank for row in fit.rows())
