"""Columns far from zero or of an extreme size are centred and scaled before anything is computed.

A date in seconds (1.7e9, give or take 1e5) looks collinear with the constant, although it is not. With A
invertible, psi(y, XA; b) = A' psi(y, X; Ab): the estimators are equivariant, so they work in the columns XA and
map their answer back. What needs no change is not changed, nor rounded: RePPI's features are products of columns,
and an outcome in other units would have others if the covariates were centred along with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moored.inference.data import Array, Sample
from moored.inference.families import Linear, Logit, Poisson
from moored.inference.moments import Moments

FAR = 10.0  # |mean| / standard deviation from which a column is centred
LARGE = 1e3  # standard deviations above this, or below its inverse, are scaled
ROUNDING = 1e-15  # a column that varies by less, relative to its mean, is constant


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """Columns X' = (X - (Xa) c') / s and outcomes y' = (y - (Xa) m) / t; Xa = 1 where a constant is in the span.

    Attributes
    ----------
    a : (p,) the combination of columns that is the constant, 0 where there is none.
    centre, scale : (p,) c and s; c is 0 wherever a is not.
    middle, spread : m and t of the outcome; 0 and 1 in a family that is not linear in it.
    """

    a: Array
    centre: Array
    scale: Array
    middle: float
    spread: float

    def columns(self, y: Array, X: Array) -> tuple[Array, Array]:
        """Outcomes (m,) and columns (m, p) in this frame."""
        one = X @ self.a
        return (y - one * self.middle) / self.spread, (X - one[:, None] * self.centre) / self.scale

    @property
    def back(self) -> Array:
        """A (p, p): a parameter of the original columns is t A b' + m a."""
        p = len(self.a)
        return np.asarray((np.eye(p) - np.outer(self.a, self.centre)) / self.scale * self.spread)

    def point(self, b: Array) -> Array:
        """An estimate (p,) in the original columns."""
        return np.asarray(self.back @ b + self.middle * self.a)

    def covariance(self, V: Array) -> Array:
        """A covariance (p, p) in the original columns."""
        return np.asarray(self.back @ V @ self.back.T)


def unmoved(p: int) -> Frame:
    """The frame that changes nothing."""
    return Frame(np.zeros(p), np.zeros(p), np.ones(p), 0.0, 1.0)


def needs_frame(values: Array) -> NDArray[np.bool_]:
    """Whether some column of values (..., n, p) is far from zero or of an extreme size, (...)."""
    mean, sd = values.mean(axis=-2), values.std(axis=-2)
    varies = sd > ROUNDING * np.abs(mean)
    return np.asarray((varies & (_far(mean, sd) | _large(sd))).any(axis=-1))


def frame_of(sample: Sample, family: Moments) -> Frame | None:
    """The frame of a sample, from its labelled units; None where its columns can stay as they are.

    For the named families whose parameters are one per column.
    """
    X, y = sample.X[sample.labelled], sample.y[sample.labelled]
    if not isinstance(family, Linear | Logit | Poisson) or len(X) < 2:
        return None
    linear = isinstance(family, Linear)
    answers = bool(((y == 0.0) | (y == 1.0)).all())
    if not (bool(needs_frame(X)) or (linear and not answers and bool(needs_frame(y[:, None])))):
        return None
    a = _constant(X)
    mean, sd = X.mean(axis=0), X.std(axis=0)
    varies = (X[0] != X).any(axis=0) & (sd > ROUNDING * np.abs(mean))
    centre = np.where((a == 0) & varies & bool(a.any()) & _far(mean, sd), mean, 0.0)
    steady = np.where(mean == 0, 1.0, np.abs(mean))
    scale = np.where(varies, np.where((a == 0) & _large(sd), sd, 1.0), steady)
    middle, spread = (y.mean(), y.std()) if linear and np.ptp(y) > 0 else (0.0, 1.0)
    return Frame(
        a,
        centre,
        scale,
        float(middle) if a.any() and _far(middle, spread) else 0.0,
        float(spread) if _large(spread) else 1.0,
    )


def _far(mean: Any, sd: Any) -> Any:
    return np.abs(mean) > FAR * sd


def _large(sd: Any) -> Any:
    return (sd > LARGE) | (sd < 1.0 / LARGE)


def _constant(X: Array) -> Array:
    """a (p,) with Xa = 1: of a constant column, or of ones and zeros that sum to one; zeros where there is none."""
    p = X.shape[1]
    constant = (X[0] == X).all(axis=0) & (X[0] != 0)
    if constant.any():
        j = int(np.argmax(constant))
        return np.asarray(np.eye(p)[j] / X[0, j], dtype=np.float64)
    binary = ((X == 0.0) | (X == 1.0)).all(axis=0)
    a = np.linalg.lstsq(X[:, binary], np.ones(len(X)), rcond=None)[0] if binary.any() else np.zeros(0)
    out = np.zeros(p)
    out[binary] = np.where(np.abs(a) > 1e-9, np.round(a, 9), 0.0)
    found: Array = out if bool((np.abs(X @ out - 1.0) < 1e-12).all()) else np.zeros(p)
    return found
