"""Intervals from a jackknife: degrees of freedom for its variance, and the skewness of the estimate.

Arrays have a leading axis of draws; G groups (units or clusters) of n labelled units.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moored.inference.data import Array
from moored.inference.laws import Alternative, refuse_level
from moored.inference.small.deletions import grouped

LENGTHENED = 1.5
"""Of the sample's skewness; it falls short of the law's, since the largest values are the ones not seen."""


def spread(without: Array, missed: Array | None = None) -> Array:
    """Tukey's jackknife (B, p, p): (G - 1) / G times the squares about the mean, each times `missed` (B, G)."""
    G = without.shape[1]
    centred = without - without.mean(axis=1, keepdims=True)
    centred = centred if missed is None else centred * np.sqrt(missed)[..., None]
    return np.asarray((G - 1) / G * np.swapaxes(centred, 1, 2) @ centred)


def satterthwaite(
    t: Array, x: Array, v: Array, w: Array, P: Array, codes: NDArray[np.intp] | None = None
) -> Array:
    """Degrees of freedom (B, p) of a leave-one-out variance (Bell and McCaffrey 2002).

    The variance of parameter j is sum_g (sum_{i in g} t_ij e_i)^2, with e the residuals of a weighted fit whose
    errors are taken to be independent with variance v: a quadratic form with the first two moments of a
    chi-squared with so many degrees of freedom. For the mean of n equal units they are n - 1.

    Parameters
    ----------
    t, x : (B, n, p). v, w : (B, n) working variances and weights. P : (B, p, p) inverse of sum w v x x'.
    codes : (n,) clusters numbered from 0, None for none.
    """
    p = x.shape[-1]
    f = (t * v[..., None])[..., None] * x[:, :, None, :]  # (B, n, p, p)
    own, r = t**2 * v[..., None], f * w[..., None, None]
    if codes is not None:
        size = int(codes.max()) + 1
        f, r, own = (grouped(part, codes, size) for part in (f, r, own))
    both = np.concatenate([f @ P[:, None], r], axis=-1)  # (B, G, p, 2p)
    N = np.zeros((len(x), 2 * p, 2 * p))
    N[:, :p, :p] = np.swapaxes(x * (w**2 * v)[..., None], 1, 2) @ x
    N[:, :p, p:] = N[:, p:, :p] = -np.eye(p)
    turned = both @ N[:, None]
    K = (turned * both).sum(axis=-1)  # (B, G, p)
    S = np.einsum("bgjk,bgjl->bjkl", turned, both)
    trace = (own + K).sum(axis=1)
    square = (own**2 + 2.0 * own * K).sum(axis=1) + np.einsum("bjkl,bjlk->bj", S, S)
    return np.asarray(np.divide(trace**2, square, out=np.ones_like(trace), where=square > 0))


def skewness(left: Array, inside: Array, whole: Array) -> Array:
    """Of the estimates (B, p): from influence (B, G, p), the variance (B, p) that it makes, and that in all."""
    G = left.shape[1]
    r = left - left.mean(axis=1, keepdims=True)
    square, cube = (r**2).sum(axis=1), (r**3).sum(axis=1) * np.sqrt(G * (G - 1.0)) / max(G - 2.0, 1.0)
    share = np.divide(inside, whole, out=np.zeros_like(whole), where=whole > 0)
    return np.asarray(np.divide(cube, square**1.5, out=np.zeros_like(cube), where=square > 0) * share**1.5)


@dataclass(frozen=True, slots=True, eq=False)
class Skewed:
    """Student's t about a skewed estimate: the law of `ends`.

    Attributes
    ----------
    estimate, se, df, skew : (p,).
    """

    estimate: Array
    se: Array
    df: Array
    skew: Array

    def interval(self, level: float, alternative: Alternative) -> tuple[Array, Array]:
        """See `ends`."""
        lower, upper, _ = self._ends(self.estimate, level, alternative)
        return lower, upper

    def p_value(self, null: Array, alternative: Alternative) -> Array:
        """See `ends`."""
        return self._ends(self.estimate - null, 0.95, alternative)[2]

    def _ends(self, estimate: Array, level: float, alternative: Alternative) -> tuple[Array, Array, Array]:
        se, df, skew = self.se[None], self.df[None], self.skew[None]
        lower, upper, p_value = ends(estimate[None], se, df, skew, level, alternative)
        return lower[0], upper[0], p_value[0]


def ends(
    estimate: Array, se: Array, df: Array, skew: Array, level: float, alternative: Alternative
) -> tuple[Array, Array, Array]:
    """Lower and upper ends and p-values of estimate = 0, (B, p) each.

    Student's t with df degrees of freedom (infinite: normal). Towards the long tail of a skewed estimate the end
    is t + k (2 t^2 + 1) / 6 standard errors away instead of t (Johnson 1978), k being LENGTHENED times the
    skewness; towards the other it stays, where the same expansion would shorten it.
    """
    from scipy.special import ndtr, ndtri, stdtr, stdtrit

    refuse_level(level, alternative)
    sides = 2.0 if alternative == "two-sided" else 1.0
    tail = (1.0 - level) / sides
    finite = np.where(np.isfinite(df), df, 1.0)
    t = np.where(np.isfinite(df), -stdtrit(finite, tail), -ndtri(tail))
    below, above = np.maximum(-skew, 0.0) * LENGTHENED, np.maximum(skew, 0.0) * LENGTHENED
    lower = estimate - se * _reach(t, below) if alternative != "smaller" else np.full_like(estimate, -np.inf)
    upper = estimate + se * _reach(t, above) if alternative != "larger" else np.full_like(estimate, np.inf)
    distance = np.divide(estimate, se, out=np.copysign(np.inf, estimate), where=se > 0)
    distance = np.where(estimate == 0, 0.0, distance)
    # zero lies below a positive estimate: its p-value goes by how far the interval reaches that way
    left, right = _quantile(distance, below), _quantile(-distance, above)
    far = {"larger": left, "smaller": right}.get(alternative, np.maximum(left, right))
    beyond = np.where(np.isfinite(df), stdtr(finite, -far), ndtr(-far))
    return lower, upper, np.minimum(sides * beyond, 1.0)


def _reach(t: Array, k: Array) -> Array:
    """In standard errors; linear below t = 0, which only levels under one half ask for."""
    return np.where(t > 0, t + k * (2.0 * t**2 + 1.0) / 6.0, t)


def _quantile(reach: Array, k: Array) -> Array:
    """The t whose `_reach` this is; where the reach jumps over k / 6 at zero, zero."""
    safe = np.maximum(k, 1e-12)
    with np.errstate(over="ignore", invalid="ignore"):
        room = np.maximum(1.0 - (4.0 * safe / 3.0) * (safe / 6.0 - reach), 0.0)
        t = np.where(k > 1e-6, 2.0 * (reach - safe / 6.0) / (1.0 + np.sqrt(room)), reach)
    t = np.where(np.isinf(reach), reach, t)
    return np.where(reach > k / 6.0, t, np.minimum(reach, 0.0))
