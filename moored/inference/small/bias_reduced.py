"""Fits of few labels, over a leading axis of draws: least squares, and Firth's estimate for logit and Poisson.

Maximum likelihood of a logit is biased away from zero, and has no finite value where the covariates separate the
answers. Firth (1993) solves

    sum_t x_t [w_t (y_t - mu_t) + h_t k_t] = 0,      k = 1/2 - mu for logit, 1/2 for Poisson, 0 for linear families,

with h_t the leverages: the mode under Jeffreys' prior, whose bias is of order 1 / n^2 and which is always finite.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moored.errors import DataInvalid
from moored.inference.data import Array, Mask
from moored.inference.families import LARGEST_EXPONENT, LARGEST_LOG_MEAN, Linear, Logit, Poisson
from moored.inference.moments import Moments

STEPS = 500
CONVERGED = 1e-11  # largest change of a linear index, in its own units (logits, log means)
LONGEST = 3.0  # the largest change of an index that one step makes


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """n units in each of B draws: outcomes y (B, n), covariates X (B, n, p), weights w (B, n), 0 where failed."""

    y: Array
    X: Array
    w: Array

    def take(self, some: NDArray[np.intp]) -> Rows:
        """Some of the draws."""
        return Rows(self.y[some], self.X[some], self.w[some])


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """Some units at a parameter b (B, p).

    s : (B, n) with x_t s_t the score of unit t. v : (B, n) the curvature, -d psi_t / d b' = v_t x_t x_t'.
    h : (B, n) leverages. H, P : (B, p, p) the information of all units of the fit, and its inverse.
    """

    s: Array
    v: Array
    h: Array
    H: Array
    P: Array


def known(family: Moments) -> bool:
    """Whether the family is one of those that `gmm-small` fits in this way."""
    return isinstance(family, Linear | Logit | Poisson)


def refuse_unknown(family: Moments) -> None:
    """Raise DataInvalid for a family without a curvature per unit."""
    if not known(family):
        raise DataInvalid(
            f"gmm-small knows mean, ols, logit, poisson and quantile, not {family.name!r}; use gmm for it."
        )


def at(family: Moments, parts: Sequence[Rows], b: Array) -> tuple[Point, ...]:
    """Each part at b; H and P are those of all parts together."""
    found = [mean_slope_lean(family, np.einsum("bnp,bp->bn", rows.X, b)) for rows in parts]
    H = sum(
        np.swapaxes(rows.X, 1, 2) @ (rows.X * (rows.w * v)[..., None])
        for rows, (_, v, _) in zip(parts, found, strict=True)
    )
    P = inverted(np.asarray(H))
    points = []
    for rows, (mu, v, lean) in zip(parts, found, strict=True):
        h = rows.w * v * ((rows.X @ P) * rows.X).sum(axis=-1)
        points.append(Point(rows.w * (rows.y - mu) + h * lean, v, h, np.asarray(H), P))
    return tuple(points)


def root(family: Moments, parts: Sequence[Rows], start: Array | None = None) -> tuple[Array, Mask]:
    """The estimate (B, p) over all parts, and in which draws (B,) it was found."""
    B = len(parts[0].X)
    b = _start(family, parts) if start is None else start
    moving = np.ones(B, dtype=bool)
    for _ in range(1 if isinstance(family, Linear) else STEPS):
        points = at(family, parts, b)
        score = sum(
            np.einsum("bnp,bn->bp", rows.X, point.s) for rows, point in zip(parts, points, strict=True)
        )
        step = np.einsum("bij,bj->bi", points[0].P, score)
        if isinstance(family, Linear):
            return b + step, np.isfinite(step).all(axis=1)
        change = np.max([_largest(rows, step) for rows in parts], axis=0)
        step *= np.minimum(1.0, LONGEST / np.maximum(change, 1e-300))[:, None]
        b = np.where(moving[:, None], b + step, b)
        moving &= change > CONVERGED
        if not moving.any():
            break
    return b, ~moving & np.isfinite(b).all(axis=1)


def _largest(rows: Rows, step: Array) -> Array:
    size = np.abs(np.einsum("bnp,bp->bn", rows.X, step)) * (rows.w > 0)
    return np.asarray(size.max(axis=1, initial=0.0))


def _start(family: Moments, parts: Sequence[Rows]) -> Array:
    """Zero, or for Poisson one weighted least-squares step from mu = y + 1/2."""
    B, _, p = parts[0].X.shape
    if not isinstance(family, Poisson):
        return np.zeros((B, p))
    A, r = np.zeros((B, p, p)), np.zeros((B, p))
    for rows in parts:
        mu = rows.y + 0.5
        weighted = np.swapaxes(rows.X * (rows.w * mu)[..., None], 1, 2)
        A += weighted @ rows.X
        r += (weighted @ (np.log(mu) - 0.5 / mu)[..., None])[..., 0]
    return np.asarray(np.einsum("bij,bj->bi", inverted(A), r))


def mean_slope_lean(family: Moments, index: Array) -> tuple[Array, Array, Array]:
    """mu, d mu / d index, and half the relative slope of the latter: Firth's k."""
    if isinstance(family, Logit):
        mu = 1.0 / (1.0 + np.exp(-np.clip(index, -LARGEST_EXPONENT, LARGEST_EXPONENT)))
        return mu, mu * (1.0 - mu), 0.5 - mu
    if isinstance(family, Poisson):
        mu = np.exp(np.minimum(index, LARGEST_LOG_MEAN))
        return mu, mu, np.full_like(mu, 0.5)
    return index, np.ones_like(index), np.zeros_like(index)


def inverted(A: Array) -> Array:
    """A^-1 of symmetric A (B, p, p), brought to one scale first; NaN where it is singular."""
    size = np.diagonal(A, axis1=1, axis2=2)
    fine: Mask = np.asarray((size > 0).all(axis=1) & np.isfinite(A).all(axis=(1, 2)))
    scale = 1.0 / np.sqrt(np.where(fine[:, None], size, 1.0))
    both = scale[:, :, None] * scale[:, None, :]
    scaled = np.where(fine[:, None, None], A * both, np.eye(A.shape[-1]))
    fine &= np.linalg.eigvalsh(scaled)[:, 0] > SINGULAR
    scaled = np.where(fine[:, None, None], scaled, np.eye(A.shape[-1]))
    return np.where(fine[:, None, None], np.linalg.inv(scaled) * both, np.nan)


SINGULAR = 1e-12  # smallest eigenvalue, in units of the whole, of a matrix that is inverted
