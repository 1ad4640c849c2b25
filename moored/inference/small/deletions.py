"""Delete-one: each fit's influence on, and change without, every labelled unit or cluster.

Leaving group g out of sum_t x_t s_t(b) = 0 moves the root b by -(H - H_g)^-1 sum_g x_t s_t, with H_g the group's
information: exactly for least squares, by one Newton step for logit and Poisson. Arrays have a leading axis of
B draws; with clusters B is 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moored.inference.data import Array, Mask
from moored.inference.moments import Moments
from moored.inference.small.bias_reduced import Point, Rows, at, root

ALONE = 1e-9  # share of the information that is left without a group, below which nothing is


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Clusters: `inside` (n,) numbers those of the labelled units 0, ..., G - 1; `outside` (N,) those of the
    others, with new numbers from G on for clusters without a labelled unit."""

    inside: NDArray[np.intp]
    outside: NDArray[np.intp]

    @property
    def labelled(self) -> int:
        """G."""
        return int(self.inside.max()) + 1


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """The labelled units' fit.

    Attributes
    ----------
    b : (B, p); H, P : (B, p, p) its information, and the inverse.
    unit : (B, n, p) the units' influence; influence : (B, G, p) the groups'.
    without : (B, G, p) the fit without the group, less the fit.
    t : (B, n, p) `without` of unit t's residual, for the degrees of freedom.
    v, h : (B, n) curvatures and leverages.
    alone : (B,) some group is the only one to inform a parameter; fine : (B,) the fit was found.
    """

    b: Array
    H: Array
    P: Array
    unit: Array
    influence: Array
    without: Array
    t: Array
    v: Array
    h: Array
    alone: Mask
    fine: Mask


@dataclass(frozen=True, slots=True, eq=False)
class Auxiliary:
    """One source: gap = gamma_L - gamma_all (B, p), its labelled fit, and over all units

    without : (B, G, p) the change of gamma_all without each labelled group.
    rest : (B, g, p) the influence on gamma_all of every group that has no labelled unit.
    inside, outside : (B, n, p), (B, N, p) the influence of labelled and other units.
    worth : (B,) what one unit's squared influence on gamma_all means for the labelled units' fit.
    design : (B, n), (B, N) what that is by unit, over `worth`, with known labelling probabilities; or None.
    alone, fine : (B,) as in `Fitted`.
    """

    gap: Array
    labelled: Fitted
    without: Array
    rest: Array
    inside: Array
    outside: Array
    worth: Array
    design: tuple[Array, Array] | None
    alone: Mask
    fine: Mask


def grouped(rows: Array, codes: NDArray[np.intp], size: int) -> Array:
    """Sums (B, size, ...) of rows (B, n, ...) by code."""
    out = np.zeros((rows.shape[0], size, *rows.shape[2:]))
    np.add.at(out.swapaxes(0, 1), codes, rows.swapaxes(0, 1))
    return out


def fitted(family: Moments, rows: Rows, groups: Groups | None, start: Array | None = None) -> Fitted:
    """The estimate on labelled units, and what it is made of."""
    b, fine = root(family, [rows], start)
    (point,) = at(family, [rows], b)
    pull, alone = _pulls(rows, point, None if groups is None else groups.inside)
    unit = (rows.X @ point.P) * point.s[..., None]
    without = -pull * point.s[..., None]
    influence = unit
    if groups is not None:
        influence, without = (grouped(part, groups.inside, groups.labelled) for part in (unit, without))
    t = pull * rows.w[..., None]
    return Fitted(b, point.H, point.P, unit, influence, without, t, point.v, point.h, alone, fine)


def _pulls(rows: Rows, point: Point, codes: NDArray[np.intp] | None) -> tuple[Array, Mask]:
    """(H - H_g)^-1 x_t (B, n, p) for unit t of group g, and the draws in which a group cannot be left out."""
    if codes is None:
        left = 1.0 - point.h
        alone: Mask = np.asarray((left < ALONE).any(axis=1))
        return (rows.X @ point.P) / np.maximum(left, ALONE)[..., None], alone
    size, p = int(codes.max()) + 1, rows.X.shape[-1]
    parts = np.einsum("bn,bni,bnj->bnij", rows.w * point.v, rows.X, rows.X)
    scale = 1.0 / np.sqrt(np.diagonal(point.H, axis1=1, axis2=2))
    both = scale[:, :, None] * scale[:, None, :]
    left_over = (point.H[:, None] - grouped(parts, codes, size)) * both[:, None]
    alone = np.asarray(np.linalg.eigvalsh(left_over)[..., 0].min(axis=1) < ALONE)
    left_over = np.where(alone[:, None, None, None], np.eye(p), left_over)
    inverses = np.linalg.inv(left_over) * both[:, None]
    return np.einsum("bnij,bnj->bni", inverses[:, codes], rows.X), alone


def auxiliary(
    family: Moments,
    labelled: Rows,
    inside: Rows,
    outside: Rows,
    groups: Groups | None,
    start: Array | None,
    design: tuple[Array, Array] | None = None,
) -> Auxiliary:
    """One source. `labelled` carries the weights of the labelling; `inside` and `outside` count each unit once.

    design : pi_bar / pi_t of the labelled and of the other units, (B, n) and (B, N); None: all 1.
    """
    parts = [inside, outside]
    eta, found = root(family, parts, start)
    fit = fitted(family, labelled, groups, eta if start is not None else None)
    here, there = at(family, parts, eta)
    near, far = (
        (rows.X @ point.P) * point.s[..., None] for rows, point in zip(parts, (here, there), strict=True)
    )
    if groups is None:
        pull, alone = _pulls(inside, here, None)
        without, rest = -pull * here.s[..., None], far
    else:
        G = groups.labelled
        touched = groups.outside < G
        both = _joined(inside, outside, touched)
        codes = np.concatenate([groups.inside, groups.outside[touched]])
        scores = np.concatenate([here.s, there.s[:, touched]], axis=1)
        curve = np.concatenate([here.v, there.v[:, touched]], axis=1)
        pull, alone = _pulls(both, Point(scores, curve, scores, here.H, here.P), codes)
        without = grouped(-pull * scores[..., None], codes, G)
        size = int(max(groups.outside.max(initial=-1) + 1 - G, 0))
        rest = grouped(far[:, ~touched], groups.outside[~touched] - G, size)
    seen = inside.w.sum(axis=1) + outside.w.sum(axis=1)
    total, squares = labelled.w.sum(axis=1), (labelled.w**2).sum(axis=1)
    by_unit = None if design is None else _by_unit((near, far), design, squares / total)
    return Auxiliary(
        gap=fit.b - eta,
        labelled=fit,
        without=without,
        rest=rest,
        inside=near,
        outside=far,
        worth=seen * squares / total**2,
        design=by_unit,
        alone=alone | fit.alone,
        fine=found & fit.fine,
    )


def _by_unit(
    influence: tuple[Array, Array], design: tuple[Array, Array], mean: Array
) -> tuple[Array, Array] | None:
    """pi_bar / pi_t over its mean among the labelled, where that expects smaller squares of them than the mean.

    Unit t is among the labelled with probability pi_t and then counts (pi_bar / pi_t)^2. Units that were drawn
    often because they vary much are worth less than the average weight says. Units that vary much and were drawn
    seldom are worth more, but a few that happened to be drawn would decide that.
    """
    squares = [(part**2).sum(axis=2) for part in influence]
    by = tuple(weight / mean[:, None] for weight in design)
    expected = sum((square * weight).sum(axis=1) for square, weight in zip(squares, by, strict=True))
    plain = sum(square.sum(axis=1) for square in squares)
    return (by[0], by[1]) if bool((expected < plain).all()) else None


def _joined(one: Rows, other: Rows, some: NDArray[np.bool_]) -> Rows:
    return Rows(
        np.concatenate([one.y, other.y[:, some]], axis=1),
        np.concatenate([one.X, other.X[:, some]], axis=1),
        np.concatenate([one.w, other.w[:, some]], axis=1),
    )
