"""Intervals from a jackknife: degrees of freedom for its variance, and the skewness of the estimate.

Arrays have a leading axis of draws; G groups (units or clusters) of n labelled units.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from moored.inference.data import Array
from moored.inference.laws import Alternative, refuse_level
from moored.inference.small.deletions import grouped

LENGTHENED = 2.5
"""Times the sample's skewness, which falls short of the law's: the largest values are the ones not seen."""


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """The law of k combinations of the parameters in B draws; all arrays are (B, k).

    Attributes
    ----------
    estimate, se : the corrected estimate and its standard error.
    alone, shift : the standard error of the human fit alone, and what the sources took off its estimate.
    df, skew : degrees of freedom, infinite for the normal law; skewness of the estimate, lengthened.
    ease : what the quantile is multiplied by, at most 1: the jackknife errs on the wide side by its inverse.
    least_df : degrees of freedom whose quantile it never falls below; infinite for the normal law, where `ease` is
        all there is.
    """

    estimate: Array
    se: Array
    alone: Array
    shift: Array
    df: Array
    skew: Array
    ease: Array
    least_df: Array

    def quantile(self, level: float, alternative: Alternative) -> Array:
        """(B, k) how many standard errors an interval of this level reaches, but for skewness."""
        tail = (1.0 - level) / (2.0 if alternative == "two-sided" else 1.0)
        own = _quantile_of(self.df, tail) * self.ease
        return np.where(np.isfinite(self.least_df), np.maximum(own, _quantile_of(self.least_df, tail)), own)

    def beyond(self, far: Array) -> Array:
        """(B, k) the chance of more standard errors than `far`: the tail at which `quantile` is `far`."""
        own = _beyond(far / self.ease, self.df)
        return np.where(np.isfinite(self.least_df), np.maximum(own, _beyond(far, self.least_df)), own)

    def take(self, some: NDArray[np.intp]) -> Shape:
        """Some of the draws."""
        return Shape(*(getattr(self, field.name)[some] for field in fields(self)))


def spread(without: Array, missed: Array | None = None) -> Array:
    """Tukey's jackknife (B, p, p): (G - 1) / G times the squares about the mean, each times `missed` (B, G)."""
    G = without.shape[1]
    centred = without - without.mean(axis=1, keepdims=True)
    centred = centred if missed is None else centred * np.sqrt(missed)[..., None]
    return np.asarray((G - 1) / G * np.swapaxes(centred, 1, 2) @ centred)


def satterthwaite(
    t: Array, x: Array, v: Array, w: Array, P: Array, variance: Array, codes: NDArray[np.intp] | None = None
) -> tuple[Array, Array]:
    """Degrees of freedom and bias (B, k) of a leave-one-out variance (Bell and McCaffrey 2002).

    The variance of combination j is sum_g (sum_{i in g} t_ij e_i)^2, with e the residuals of a weighted fit whose
    errors are taken to be independent with variance v: a quadratic form with the first two moments of a
    chi-squared with so many degrees of freedom. For the mean of n equal units they are n - 1. The bias is what the
    form is expected to be over the variance of the estimate; units of high leverage make it larger than 1.

    Parameters
    ----------
    t : (B, n, k) what a unit's residual moves. x : (B, n, p). v, w : (B, n) working variances and weights.
    P : (B, p, p) inverse of sum w v x x'.
    variance : (B, k) of the estimate.
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
    df = np.divide(trace**2, square, out=np.ones_like(trace), where=square > 0)
    return df, np.divide(trace, variance, out=np.ones_like(trace), where=variance > 0)


def skewness(left: Array, inside: Array, whole: Array) -> Array:
    """Of the estimates (B, p): from influence (B, G, p), the variance (B, p) that it makes, and that in all."""
    G = left.shape[1]
    r = left - left.mean(axis=1, keepdims=True)
    square, cube = (r**2).sum(axis=1), (r**3).sum(axis=1) * np.sqrt(G * (G - 1.0)) / max(G - 2.0, 1.0)
    share = np.divide(inside, whole, out=np.zeros_like(whole), where=whole > 0)
    return np.asarray(np.divide(cube, square**1.5, out=np.zeros_like(cube), where=square > 0) * share**1.5)


def ends(
    shape: Shape, level: float, alternative: Alternative, null: Array | float = 0.0
) -> tuple[Array, Array, Array]:
    """Lower and upper ends and p-values of estimate = null, (B, k) each.

    Towards the long tail of a skewed estimate the end is q + k (2 q^2 + 1) / 6 standard errors away in place of the
    quantile q (Johnson 1978), k being the skewness; towards the other it stays, where the same expansion would
    shorten it.
    """
    refuse_level(level, alternative)
    estimate, se, q = shape.estimate, shape.se, shape.quantile(level, alternative)
    below, above = np.maximum(-shape.skew, 0.0), np.maximum(shape.skew, 0.0)
    lower = estimate - se * _reach(q, below) if alternative != "smaller" else np.full_like(estimate, -np.inf)
    upper = estimate + se * _reach(q, above) if alternative != "larger" else np.full_like(estimate, np.inf)
    gap = estimate - null
    distance = np.divide(gap, se, out=np.copysign(np.inf, gap), where=se > 0)
    distance = np.where(gap == 0, 0.0, distance)
    # what lies below the estimate: its p-value goes by how far the interval reaches that way
    left, right = _unreached(distance, below), _unreached(-distance, above)
    far = {"larger": left, "smaller": right}.get(alternative, np.maximum(left, right))
    sides = 2.0 if alternative == "two-sided" else 1.0
    return lower, upper, np.minimum(sides * shape.beyond(far), 1.0)


def _quantile_of(df: Array, tail: float) -> Array:
    """That of Student's t with df degrees of freedom (infinite: normal)."""
    from scipy.special import ndtri, stdtrit

    finite = np.where(np.isfinite(df), df, 1.0)
    return np.asarray(np.where(np.isfinite(df), -stdtrit(finite, tail), -ndtri(tail)))


def _beyond(far: Array, df: Array) -> Array:
    """The chance that Student's t with df degrees of freedom (infinite: normal) is larger."""
    from scipy.special import ndtr, stdtr

    finite = np.where(np.isfinite(df), df, 1.0)
    return np.asarray(np.where(np.isfinite(df), stdtr(finite, -far), ndtr(-far)))


def _reach(t: Array, k: Array) -> Array:
    """In standard errors; linear below t = 0, which only levels under one half ask for."""
    return np.where(t > 0, t + k * (2.0 * t**2 + 1.0) / 6.0, t)


def _unreached(reach: Array, k: Array) -> Array:
    """The quantile whose `_reach` this is; where the reach jumps over k / 6 at zero, zero."""
    safe = np.maximum(k, 1e-12)
    with np.errstate(over="ignore", invalid="ignore"):
        room = np.maximum(1.0 - (4.0 * safe / 3.0) * (safe / 6.0 - reach), 0.0)
        t = np.where(k > 1e-6, 2.0 * (reach - safe / 6.0) / (1.0 + np.sqrt(room)), reach)
    t = np.where(np.isinf(reach), reach, t)
    return np.where(reach > k / 6.0, t, np.minimum(reach, 0.0))
