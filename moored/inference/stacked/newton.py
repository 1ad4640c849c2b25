"""Newton's method and linear algebra over a leading axis of draws; what is not regular is marked, not repaired."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from moored.inference.data import Array, Mask
from moored.inference.families import LARGEST_EXPONENT, LARGEST_LOG_MEAN, Linear, Logit, Poisson
from moored.inference.moments import Moments
from moored.inference.stacked.draws import Rows

STEPS = 30
CONVERGED = 1e-10  # of a step, relative; the one after it would be its square
FLAT = 1e-7  # smallest eigenvalue, scaled, of a matrix that is solved here; below, the ordinary estimator decides

Parts = Sequence[tuple[Rows, Array | float]]


def knows(family: Moments) -> bool:
    """Whether the stacked estimators know the family."""
    return isinstance(family, Linear | Logit | Poisson)


def mean_and_slope(family: Moments, index: Array) -> tuple[Array, Array]:
    """mu and d mu / d index, elementwise."""
    if isinstance(family, Logit):
        mu = 1.0 / (1.0 + np.exp(-np.clip(index, -LARGEST_EXPONENT, LARGEST_EXPONENT)))
        return mu, mu * (1.0 - mu)
    if isinstance(family, Poisson):
        mu = np.exp(np.minimum(index, LARGEST_LOG_MEAN))
        return mu, mu
    return index, np.ones_like(index)


def scores(family: Moments, rows: Rows, b: Array) -> Array:
    """psi of every unit (B, m, p) at b (B, p)."""
    mu, _ = mean_and_slope(family, _index(rows, b))
    return rows.X * (rows.y - mu)[..., None]


def jacobian(family: Moments, rows: Rows, b: Array) -> Array:
    """sum over units of d psi / d b', (B, p, p)."""
    return sums(family, rows, b)[1]


def sums(family: Moments, rows: Rows, b: Array) -> tuple[Array, Array]:
    """sum over units of psi (B, p) and of its Jacobian (B, p, p)."""
    mu, slope = mean_and_slope(family, _index(rows, b))
    score = times(rows.X, (rows.y - mu)[..., None])[..., 0]
    return score, -times(rows.X, rows.X * slope[..., None])


def _index(rows: Rows, b: Array) -> Array:
    return np.asarray((rows.X @ b[..., None])[..., 0])


def times(A: Array, B: Array) -> Array:
    """A'B for each draw: (B, m, i), (B, m, j) -> (B, i, j)."""
    return np.asarray(np.swapaxes(A, -1, -2) @ B)


def solve(A: Array, R: Array, regular: Mask) -> Array:
    """A^-1 R for symmetric A (B, k, k), brought to one scale first; `regular` loses the draws where it cannot be.

    R : (B, k, j) or (B, k).
    """
    vector = R.ndim == A.ndim - 1
    R = R[..., None] if vector else R
    size = np.abs(np.diagonal(A, axis1=-2, axis2=-1))
    fine: Mask = np.asarray((size > 0).all(axis=-1))
    fine &= np.isfinite(A).all(axis=(-1, -2)) & np.isfinite(R).all(axis=(-1, -2))
    scale = 1.0 / np.sqrt(np.where(fine[:, None], size, 1.0))
    eye = np.eye(A.shape[-1])
    scaled = np.where(fine[:, None, None], A * scale[:, :, None] * scale[:, None, :], eye)
    fine &= np.abs(np.linalg.eigvalsh(scaled)).min(axis=-1) > FLAT
    regular &= fine
    scaled = np.where(fine[:, None, None], scaled, eye)
    R = np.where(fine[:, None, None], R, 0.0)
    out = scale[:, :, None] * np.linalg.solve(scaled, scale[:, :, None] * R)
    return np.asarray(out[..., 0] if vector else out)


def root(
    family: Moments, parts: Parts, regular: Mask, *, guess: Array | None = None, target: Array | None = None
) -> Array:
    """b (B, p) with sum over parts of c sum_t psi_t(b) = target; `regular` loses what did not converge."""
    b = _start(family, parts, regular) if guess is None else guess
    moving = np.ones(len(b), dtype=bool)
    for _ in range(STEPS):
        score, slope = _weighed(family, parts, b)
        step = -solve(slope, score if target is None else score - target, regular)
        b = np.where((moving & regular)[:, None], b + step, b)
        if family.linear:
            return b
        moving &= np.abs(step).max(axis=-1) > CONVERGED * (1.0 + np.abs(b).max(axis=-1))
        if not (moving & regular).any():
            return b
    regular &= ~moving
    return b


def _weighed(family: Moments, parts: Parts, b: Array) -> tuple[Array, Array]:
    score, slope = np.zeros_like(b), np.zeros((*b.shape, b.shape[-1]))
    for rows, weight in parts:
        part, part_slope = sums(family, rows, b)
        c = np.broadcast_to(np.asarray(weight, dtype=np.float64), len(b))
        score += c[:, None] * part
        slope += c[:, None, None] * part_slope
    return score, slope


def _start(family: Moments, parts: Parts, regular: Mask) -> Array:
    """One weighted least-squares step, from the same working response as the ordinary estimators."""
    A: Array | None = None
    r: Array | None = None
    for rows, _ in parts:
        if isinstance(family, Logit):
            mu = (rows.y + 0.5) / 2.0
            v = mu * (1.0 - mu)
            z = np.log(mu / (1.0 - mu)) + (rows.y - mu) / v
        elif isinstance(family, Poisson):
            mu = v = rows.y + 0.5
            z = np.log(mu) + (rows.y - mu) / mu
        else:
            v, z = np.ones_like(rows.y), rows.y
        weighted = rows.X * v[..., None]
        part, right = times(weighted, rows.X), times(weighted, z[..., None])[..., 0]
        A, r = (part, right) if A is None or r is None else (A + part, r + right)
    assert A is not None
    assert r is not None
    return solve(A, r, regular)
