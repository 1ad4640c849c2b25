"""The estimates of a study: its estimators over one sample."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from moored.errors import EstimationError, StudyInvalid
from moored.inference import ESTIMATORS, Fit, Sample, headline
from moored.inference.estimators import possible
from moored.inference.notes import notes_of
from moored.row_role import YARDSTICK
from moored.run.readings import Material
from moored.run.sample import build_sample, everyone_labelled
from moored.study import Study

_DEFAULT = ("human", "naive-proxy", "naive-synthetic", "gmm-proxy", "gmm-synth", "gmm-small")


@dataclass(frozen=True, slots=True, eq=False)
class Estimates:
    """The fits of a study's estimators over one sample.

    fits : one per estimator that could be fitted.
    everyone : the human-only fit had every held-back label counted; None where none were held back.
    ruled : the estimator to read, by the rule of `moored.inference.headline`.
    marks : what a reader must know of the data, and the estimators that could not be fitted, with the reason.
    """

    fits: tuple[Fit, ...]
    everyone: Fit | None
    ruled: str
    marks: tuple[str, ...]

    @property
    def headline(self) -> str:
        """The estimator that the rule names; `human` where that one could not be fitted."""
        return self.ruled if any(fit.estimator == self.ruled for fit in self.fits) else "human"

    @property
    def every_fit(self) -> tuple[Fit, ...]:
        """The fits, and the demonstration's yardstick where there is one."""
        return self.fits if self.everyone is None else (*self.fits, self.everyone)


def sample_of(study: Study, material: Material) -> Sample:
    """The sample that is checked and estimated from: nothing can write into it in between."""
    sample = build_sample(study, material.units, material.values)
    own = (sample.y, sample.X, sample.labelled, sample.probability, sample.cluster)
    for array in (
        *own,
        *(part for source in sample.sources for part in (source.y, source.X, source.observed)),
    ):
        if array is not None:
            array.setflags(write=False)
    return sample


def estimate_study(study: Study, sample: Sample, units: pd.DataFrame) -> Estimates:
    """Fit every estimator that the study asks for, and the headline's, over the sample of these units.

    Errors: the `EstimationError` family, where the human labels alone give no estimate. Any other estimator that
    fails is left out and marked.
    """
    ruled = headline_of(study, sample)
    fits, marks = [], []
    for name in dict.fromkeys((*wanted_estimators(study), ruled)):
        try:
            fits.append(ESTIMATORS[name](sample, study.estimate.family, **_options(study)))
        except EstimationError as error:
            if name == "human":
                raise
            marks.append(f"{name} could not be fitted: {error.message}")
    return Estimates(tuple(fits), _everyone(study, units), ruled, (*notes_of(sample), *marks))


def fit_of(study: Study, material: Material, estimator: str) -> Fit:
    """One estimator's fit, as `estimate_study` makes it. Errors: the `EstimationError` family."""
    return ESTIMATORS[estimator](sample_of(study, material), study.estimate.family, **_options(study))


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
    return tuple(name for name in _DEFAULT if possible(name, kinds))


def _everyone(study: Study, units: pd.DataFrame) -> Fit | None:
    whole = everyone_labelled(study, units)
    if whole is None:
        return None
    fit: Fit = ESTIMATORS["human"](whole, study.estimate.family, level=study.estimate.level)
    return replace(fit, estimator=YARDSTICK, effective_n=None, labels_saved=None, r2=None)
