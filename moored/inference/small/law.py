"""Intervals and p-values of `gmm-small`, for its coefficients and for any combination of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from moored.inference.data import Array, Mask
from moored.inference.families import Linear
from moored.inference.laws import Alternative, refuse_level
from moored.inference.small.bias_reduced import Rows
from moored.inference.small.intervals import Shape, ends
from moored.inference.small.profile import Profile
from moored.inference.small.solution import Solution
from moored.inference.solve.frame import Frame

Ends = tuple[Array, Array, Array]


@dataclass(frozen=True, slots=True, eq=False)
class Combined:
    """Of one fit, the law of L theta, with L (k, p) and theta in the data's own columns (`laws.Combinable`)."""

    solution: Solution
    frame: Frame
    L: Array

    def along(self, L: Array) -> Combined:
        """The law of combinations L (c, k) of these."""
        return Combined(self.solution, self.frame, L @ self.L)

    @property
    def df(self) -> Array:
        """(k,) degrees of freedom, infinite for the normal law."""
        return np.asarray(self.solution.shape(self.L @ self.frame.back).df[0])

    def interval(self, level: float, alternative: Alternative) -> tuple[Array, Array]:
        """Ends (k,)."""
        lower, upper, _ = self._ends(np.zeros(len(self.L)), level, alternative)
        return lower, upper

    def p_value(self, null: Array, alternative: Alternative) -> Array:
        """(k,) of L theta = null."""
        return self._ends(null, 0.95, alternative)[2]

    def _ends(self, null: Array, level: float, alternative: Alternative) -> Ends:
        base = self.L @ (self.frame.middle * self.frame.a)
        K = self.L @ self.frame.back
        lower, upper, p_value = ends_of(self.solution, K, (null - base)[None], level, alternative)
        return lower[0] + base, upper[0] + base, p_value[0]


def ends_of(
    solution: Solution, K: Array, null: Array, level: float, alternative: Alternative = "two-sided"
) -> Ends:
    """Lower and upper ends of K beta and p-values of K beta = null, (B, k) each, in the columns of the fit.

    Linear families: Student's t, stretched for skewness (`intervals.ends`). Logit and Poisson: the profile of the
    penalised likelihood (`profile`). A mean of two answers: Wilson's interval.
    """
    refuse_level(level, alternative)
    shape = solution.shape(K)
    if not isinstance(solution.family, Linear):
        human = solution.human
        curve = Profile.of(solution.family, solution.rows, human.b, human.P, K)
        return _pivoted(shape, curve, null, level, alternative)
    found = ends(shape, level, alternative, null)
    shares = np.flatnonzero(solution.binary & _constant(solution.rows.X))
    if len(shares):
        null = np.broadcast_to(null, shape.estimate.shape)[shares]
        binomial = _of_share(shape.take(shares), solution.rows.take(shares), K, null, level, alternative)
        for whole, part in zip(found, binomial, strict=True):
            whole[shares] = part
    return found


def _pivoted(shape: Shape, curve: Profile, null: Array, level: float, alternative: Alternative) -> Ends:
    """Where W(t) = (r(t) s - shift) / se is at most a quantile; see `profile`."""
    reach = shape.quantile(level, alternative) * shape.se
    lower, upper = (curve.solve((shape.shift + side * reach) / curve.se) for side in (1.0, -1.0))
    gap = curve.roots(np.broadcast_to(null, reach.shape)) * curve.se - shape.shift
    return _tested(shape, gap, shape.se, lower, upper, alternative)


def _tested(
    shape: Shape, gap: Array, size: Array, lower: Array, upper: Array, alternative: Alternative
) -> Ends:
    """The ends, open ones infinite, and the p-value of W = gap / size."""
    w = np.divide(gap, size, out=np.copysign(np.inf, gap), where=size > 0)
    w = np.where(gap == 0, 0.0, w)
    far = {"larger": w, "smaller": -w}.get(alternative, np.abs(w))
    sides = 2.0 if alternative == "two-sided" else 1.0
    lower = np.full_like(lower, -np.inf) if alternative == "smaller" else lower
    upper = np.full_like(upper, np.inf) if alternative == "larger" else upper
    return lower, upper, np.minimum(sides * shape.beyond(far), 1.0)


def _of_share(
    shape: Shape, rows: Rows, K: Array, null: Array, level: float, alternative: Alternative
) -> Ends:
    """Wilson's (1927) interval about the corrected share: its variance at t is in proportion to t (1 - t).

    K beta = zero + span share, where all outcomes are one of two values.
    """
    y, w, x = rows.y, rows.w, rows.X[:, 0, 0][:, None]
    low, high = y.min(axis=1)[:, None], y.max(axis=1)[:, None]
    zero, span = low / x * K[:, 0], (high - low) / x * K[:, 0]
    human = (w * (y - low)).sum(axis=1)[:, None] / (high - low) / w.sum(axis=1)[:, None]
    v = (shape.se / span) ** 2 / (human * (1.0 - human))
    share, g = np.clip((shape.estimate - zero) / span, 0.0, 1.0), shape.quantile(level, alternative)
    middle = share + g**2 * v / 2.0
    reach = g * np.sqrt(v * share * (1.0 - share) + g**2 * v**2 / 4.0)
    way = np.sign(span) * reach
    lower, upper = (zero + span * (middle + side * way) / (1.0 + g**2 * v) for side in (-1.0, 1.0))
    inside = g > 0  # below a level of one half a one-sided interval leaves out the estimate
    lower = np.where(inside, np.minimum(lower, shape.estimate), lower)
    upper = np.where(inside, np.maximum(upper, shape.estimate), upper)
    t = np.clip((null - zero) / span, 0.0, 1.0)
    gap, size = np.sign(span) * (share - t), np.sqrt(v * t * (1.0 - t))
    return _tested(shape, gap, size, lower, upper, alternative)


def _constant(X: Array) -> Mask:
    """(B,) the covariates are one column that does not vary."""
    if X.shape[-1] > 1:
        return np.zeros(len(X), dtype=bool)
    return np.asarray(((X[:, :1] == X) & (X != 0)).all(axis=(1, 2)))
