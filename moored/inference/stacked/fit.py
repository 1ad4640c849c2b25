"""An estimator on many draws: stacked where that is possible, one by one where not."""

from __future__ import annotations

import numpy as np

from moored.errors import EstimationError
from moored.inference.estimators import ESTIMATORS
from moored.inference.families import family_of
from moored.inference.results import Fit
from moored.inference.stacked.answers import Answers, Failure, no_answers
from moored.inference.stacked.draws import Draws
from moored.inference.stacked.newton import knows
from moored.inference.stacked.table import STACKED


def fit_draws(name: str, draws: Draws, family: str, *, level: float = 0.95) -> Answers:
    """The answers of an estimator of `ESTIMATORS`: stacked where that is possible, one by one where not.

    A draw on which the estimator raises an `EstimationError` is in `failures`; any other error is raised.
    """
    ordinary = ESTIMATORS[name]
    if name in STACKED and knows(family_of(family)):
        with np.errstate(all="ignore"):  # what overflows is marked, and asked again below
            found = STACKED[name](draws, family, level)
    else:
        found = no_answers(draws)
    failures = []
    for b in np.flatnonzero(~found.regular).tolist():
        try:
            _write(found, b, ordinary(draws.samples[b], family, level=level))
        except EstimationError as error:
            failures.append(Failure(b, type(error).__name__))
    return Answers(
        found.estimate,
        found.lower,
        found.upper,
        found.effective_n,
        found.j_p_value,
        found.regular,
        tuple(failures),
    )


def _write(found: Answers, b: int, fit: Fit) -> None:
    found.estimate[b], found.lower[b], found.upper[b] = fit.estimate, fit.lower, fit.upper
    if fit.effective_n is not None:
        found.effective_n[b] = fit.effective_n
    if fit.j_p_value is not None:
        found.j_p_value[b] = fit.j_p_value
