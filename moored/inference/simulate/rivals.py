"""What each method of the page of worlds says of many samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from moored.errors import EstimationError
from moored.inference.data import Array, Sample
from moored.inference.estimators import ESTIMATORS
from moored.inference.families import family_of
from moored.inference.stacked import Answers, Draws, fit_draws
from moored.inference.stacked.gmm import human_fit
from moored.inference.stacked.newton import jacobian, mean_and_slope, solve, times

HC3 = "human HC3+t"


def answers_of(method: str, samples: Sequence[Sample], family: str, batch: int, *, alone: bool) -> Answers:
    """A method's answers; `alone`: one sample at a time, where designs differ."""
    if alone:
        return _one_by_one("human" if method == HC3 else method, samples, family)
    parts = []
    for first in range(0, len(samples), batch):
        draws = Draws.of(samples[first : first + batch])
        parts.append(hc3(draws, family) if method == HC3 else fit_draws(method, draws, family))
    return Answers(
        np.concatenate([part.estimate for part in parts]),
        np.concatenate([part.lower for part in parts]),
        np.concatenate([part.upper for part in parts]),
        np.concatenate([part.effective_n for part in parts]),
        np.concatenate([part.j_p_value for part in parts]),
        np.concatenate([part.regular for part in parts]),
    )


def _one_by_one(name: str, samples: Sequence[Sample], family: str) -> Answers:
    p = samples[0].X.shape[1]
    blank = np.full((3, len(samples), p), np.nan)
    for b, sample in enumerate(samples):
        try:
            fit = ESTIMATORS[name](sample, family)
        except EstimationError:
            continue
        blank[:, b] = fit.estimate, fit.lower, fit.upper
    none = np.full(len(samples), np.nan)
    return Answers(blank[0], blank[1], blank[2], blank[0], none, np.isfinite(blank[0]).all(axis=1))


def hc3(draws: Draws, family: str) -> Answers:
    """The labelled units alone, HC3 errors, Student's t with n - p degrees of freedom; NaN where they separate."""
    from scipy.special import stdtrit

    kind, n = family_of(family), draws.n
    p = draws.human.X.shape[-1]
    regular = np.ptp(draws.human.y, axis=1) > 0
    with np.errstate(all="ignore"):
        theta, _ = human_fit(draws, kind, regular)
        mu, slope = mean_and_slope(kind, (draws.human.X @ theta[..., None])[..., 0])
        H = jacobian(kind, draws.human, theta)
        pull = np.swapaxes(solve(H, np.swapaxes(draws.human.X, 1, 2), regular), 1, 2)
        lever = -slope * (pull * draws.human.X).sum(axis=-1)
        rows = pull * ((draws.human.y - mu) / (1.0 - lever))[..., None]
        se = np.sqrt(np.diagonal(times(rows, rows), axis1=1, axis2=2))
    fine = regular & np.isfinite(se).all(axis=1) & np.isfinite(theta).all(axis=1)
    reach = float(stdtrit(n - p, 0.975)) * se

    def kept(values: Array) -> Array:
        return np.where(fine[:, None], values, np.nan)

    none = np.full(len(se), np.nan)
    return Answers(kept(theta), kept(theta - reach), kept(theta + reach), kept(se), none, fine)
