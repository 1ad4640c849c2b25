"""Quantiles of few labels: tests of shares, turned round (Woodruff 1952).

b is the tau-quantile where the share of outcomes up to b is tau. That share is the mean of 1[y <= b], and what
source m says of it is 1[y_m <= b_m], with b_m its tau-quantile over all units. So `gmm-small` for the mean tests
every b, and the interval holds those that are not rejected. No density is estimated, and where few labels lie
beyond b the share has its binomial interval.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from moored.inference.computed import Computed
from moored.inference.data import Array, Sample, Source
from moored.inference.events import FEW_EVENTS
from moored.inference.families import Quantile, spelled
from moored.inference.laws import Alternative, refuse_level
from moored.inference.results import TURNED, Fit, Target
from moored.inference.solve.passes import Passes

SMALLEST = 1e-12  # p-value below which none is looked for


@dataclass(frozen=True, slots=True, eq=False)
class Shares:
    """The law of a quantile: tests of the share of outcomes up to any number, by the estimator of the mean.

    A larger quantile is a smaller share, so the alternative is turned.
    """

    data: Sample
    sources: tuple[Source, ...]
    mean: Callable[..., Fit]
    target: Target
    tau: float

    def fit(self, b: float, level: float, alternative: Alternative) -> Fit:
        """The share of outcomes up to b."""
        y = np.where(np.isnan(self.data.y), np.nan, self.data.y <= b)
        sample = replace(self.data, y=y, sources=self.sources)
        options = {"level": level, "alternative": TURNED[alternative], "target": self.target}
        return self.mean(sample, "mean", least_events=FEW_EVENTS, **options)

    def interval(self, level: float, alternative: Alternative) -> tuple[Array, Array]:
        """Ends (1,): among the labels, or infinite where none lies beyond."""
        refuse_level(level, alternative)
        values, tau = np.unique(self.data.y[self.data.labelled]), self.tau

        def fit(b: float) -> Fit:
            return self.fit(b, level, alternative)

        lower, upper = -np.inf, np.inf
        if alternative != "smaller":
            lower = _first(values, lambda b: bool(fit(b).upper[0] >= tau))
            if lower == values[0] and bool(fit(float(np.nextafter(lower, -np.inf))).upper[0] >= tau):
                lower = -np.inf
        if alternative != "larger":
            upper = _first(values, lambda b: bool(fit(b).lower[0] > tau))
        return np.array([lower]), np.array([upper])

    def p_value(self, null: Array, alternative: Alternative) -> Array:
        """The greatest 1 - level at which `null` (1,) is not rejected; 0 where that is below SMALLEST."""

        def holds(p: float) -> bool:
            found = self.fit(float(null[0]), 1.0 - p, alternative)
            return bool(found.lower[0] <= self.tau <= found.upper[0])

        least, most = SMALLEST, 1.0 - 1e-6
        if holds(most):
            return np.ones(1)
        if not holds(least):
            return np.zeros(1)
        while most / least > 1.0 + 1e-9:
            middle = float(np.sqrt(least * most))
            least, most = (middle, most) if holds(middle) else (least, middle)
        return np.array([least])


def _first(values: Array, holds: Callable[[float], bool]) -> float:
    """The least of the sorted values at which `holds`; infinite where none does."""
    low, high = 0, len(values)
    while low < high:
        k = (low + high) // 2
        low, high = (low, k) if holds(float(values[k])) else (k + 1, high)
    return float(values[low]) if low < len(values) else np.inf


def quantile(
    data: Sample,
    family: Quantile,
    mean: Callable[..., Fit],
    name: str,
    level: float,
    alternative: Alternative,
    target: Target,
) -> Fit:
    """The tau-quantile, with `mean` the estimator of a mean.

    An end that no label lies beyond is infinite, and the fit says so.
    """
    passes, tau = Passes(data, family), family.tau
    (block,) = passes
    y, w = block.human.y, block.weight
    values, where = np.unique(y, return_inverse=True)
    below = np.cumsum(np.bincount(where, weights=w)) / (len(y) if w is None else w.sum())
    law = Shares(data, _sources(data, tau), mean, target, tau)
    middle = int(np.searchsorted(below, tau - 1e-12))
    pivot = max(min(middle, len(values) - 2), 0)  # up to the largest label are all, whatever the sources say
    fit = law.fit(float(values[pivot]), level, alternative)
    shifted = tau + float(below[pivot] - fit.estimate[0])
    estimate = float(values[min(int(np.searchsorted(below, shifted - 1e-12)), len(values) - 1)])
    lower, upper = law.interval(level, alternative)
    ends = [
        float(end[0]) for end, open_end in ((lower, "smaller"), (upper, "larger")) if alternative != open_end
    ]
    warning = (
        f"no label lies beyond one end of the interval of the {tau:g}-quantile: that end is open; label more"
    )
    return Computed(
        estimator=name,
        family=spelled(family),
        terms=passes.terms,
        estimate=np.array([estimate]),
        covariance=np.array([[_error(values, ends, estimate, level, alternative) ** 2]]),
        law=law,
        interval=(lower, upper, law.p_value(np.zeros(1), alternative)),
        n_labelled=fit.n_labelled,
        n_total=fit.n_total,
        level=level,
        alternative=alternative,
        df=fit.df,
        r2=fit.r2,
        warnings=(
            *_own(fit.warnings, tau, int(np.sum(y > values[middle]))),
            *(() if np.isfinite(ends).all() else (warning,)),
        ),
        sources=fit.sources,
        tuning=fit.tuning,
        target=target,
    ).fit()


def _own(warnings: tuple[str, ...], tau: float, above: int) -> tuple[str, ...]:
    """What the share's fit says, in words of the quantile: its ones and zeros are labels on either side.

    above : labels above the quantile; none above the end of a scale is no lack of labels.
    """
    kept = tuple(warning for warning in warnings if f"fewer than {FEW_EVENTS}:" not in warning)
    side = (
        f"fewer than {FEW_EVENTS} labels lie on one side of the {tau:g}-quantile: its interval rests on these"
    )
    return kept if len(kept) == len(warnings) or not above else (f"{side}; label more", *kept)


def _sources(data: Sample, tau: float) -> tuple[Source, ...]:
    out = []
    for source in data.sources:
        seen = np.ones(len(source.y), dtype=bool) if source.observed is None else source.observed
        out.append(replace(source, y=np.where(seen, source.y <= _cut(source.y[seen], tau), np.nan)))
    return tuple(out)


def _cut(y: Array, tau: float) -> float:
    """A source's tau-quantile; where that is its largest value, up to which are all, the one below."""
    values = np.unique(y)
    if not len(values):
        return np.nan
    cut = float(np.quantile(y, tau))
    return float(values[-2]) if cut == values[-1] and len(values) > 1 else cut


def _error(
    values: Array, ends: list[float], estimate: float, level: float, alternative: Alternative
) -> float:
    """The standard error that a normal interval of this length would have."""
    from scipy.special import ndtri

    z = -float(ndtri((1.0 - level) / (2.0 if alternative == "two-sided" else 1.0)))
    arms = [abs(end - estimate) for end in ends if np.isfinite(end)] or [float(np.ptp(values))]
    return max(sum(arms) / len(arms), 1e-12 * float(np.ptp(values))) / z
