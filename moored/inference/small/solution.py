"""From fits to the answer of `gmm-small`, over a leading axis of draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from moored.inference.data import Array, Mask
from moored.inference.families import Linear, Logit
from moored.inference.moments import Moments
from moored.inference.small.bias_reduced import Rows
from moored.inference.small.coefficients import Weighed
from moored.inference.small.deletions import Fitted, Groups, grouped
from moored.inference.small.intervals import satterthwaite, skewness, spread

HALF_AN_EVENT = 0.5
TINY = 1e-14  # relative, under a covariance that may be singular where labels are alike


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """The answer.

    Attributes
    ----------
    estimate : (B, p). covariance, human_covariance : (B, p, p), of the estimate and of the human fit alone.
    df : (B, p) degrees of freedom, infinite for the normal law. skew : (B, p).
    whole, left : (B, p, p) sums of squares of the human influence, and of what the sources leave of it.
    """

    estimate: Array
    covariance: Array
    human_covariance: Array
    df: Array
    skew: Array
    whole: Array
    left: Array

    @property
    def se(self) -> Array:
        """(B, p)."""
        return np.sqrt(np.maximum(np.diagonal(self.covariance, axis1=1, axis2=2), 0.0))


def conclude(
    family: Moments,
    rows: Rows,
    human: Fitted,
    weighed: Weighed | None,
    groups: Groups | None,
    back: Array,
    missed: Array | None = None,
) -> Solution:
    """The estimate, its covariance and the shape of its law, in the columns that `back` (p, p) leads to.

    `missed` (B, G) are the groups' chances of not being labelled where the corpus is the target.

    Three things are added to the jackknife's variance where it is known to fall short:

    - logit of two answers: never less than the fitted model's own variance implies, which few events do not upset;
    - the same, and linear fits of two answers: with k events (of the rarer answer), the share of the variance
      that the sources leave is (k r + 1/2) / (k + 1/2) in place of r, as if they had missed half an event more;
    - what the sources vary among all units and do not among the labelled (`Weighed.outside`).
    """
    without, left = human.without, human.influence
    estimate, outside, effective = human.b, np.zeros_like(human.H), np.zeros(len(human.b))
    if weighed is not None:
        estimate, without = estimate - weighed.shift, without + weighed.without
        left, outside, effective = weighed.left, weighed.outside, weighed.effective
    inside, alone = spread(without, missed), spread(human.without, missed)
    binary = two_valued(rows.y)
    if isinstance(family, Logit):
        grow = np.where(binary[:, None, None], _model_size(rows, human), np.eye(len(back)))
        inside, alone = (grow @ V @ np.swapaxes(grow, 1, 2) for V in (inside, alone))
    if weighed is not None:
        unsure = np.where(binary, HALF_AN_EVENT / (events(rows, groups) + HALF_AN_EVENT), 0.0)[:, None, None]
        inside = (1.0 - unsure) * inside + unsure * alone
    inside, alone, outside = (back @ V @ back.T for V in (inside, alone, outside))
    left, whole = left @ back.T, human.influence @ back.T
    total = inside + outside
    codes = None if groups is None else groups.inside
    df = satterthwaite(human.t @ back.T, rows.X, human.v, rows.w, human.P, codes)
    share = _ratio(_diagonal(inside), _diagonal(total))
    df = np.maximum(df - effective[:, None], 1.0) / np.maximum(share, 1e-9) ** 2
    normal = isinstance(family, Logit) & binary
    linear = isinstance(family, Linear)
    skew = skewness(left, _diagonal(inside), _diagonal(total)) if linear else np.zeros_like(df)
    return Solution(
        estimate,
        total,
        alone,
        np.where(normal[:, None], np.inf, df),
        skew,
        np.swapaxes(whole, 1, 2) @ whole,
        np.swapaxes(left, 1, 2) @ left,
    )


def _model_size(rows: Rows, human: Fitted) -> Array:
    """S (B, p, p) with S V S' no smaller than the model's variance in any direction, V being the jackknife's."""
    H = np.linalg.cholesky(human.H)  # its metric keeps S the same for any columns
    x = (rows.X * (rows.w * np.sqrt(human.v))[..., None]) @ human.P @ H
    V = spread(human.without @ H)
    V = V + TINY * np.trace(V, axis1=1, axis2=2)[:, None, None] * np.eye(V.shape[-1])
    L = np.linalg.cholesky(V)
    down = np.linalg.inv(L)
    size, turn = np.linalg.eigh(down @ (np.swapaxes(x, 1, 2) @ x) @ np.swapaxes(down, 1, 2))
    larger = turn * np.sqrt(np.maximum(size, 1.0))[:, None, :] @ np.swapaxes(turn, 1, 2)
    return np.asarray(np.swapaxes(np.linalg.inv(H), 1, 2) @ (L @ larger @ down) @ np.swapaxes(H, 1, 2))


def two_valued(y: Array) -> Mask:
    """(B,) whether all outcomes (B, n) are one of two values."""
    return np.asarray(((y == y.min(axis=1)[:, None]) | (y == y.max(axis=1)[:, None])).all(axis=1))


def events(rows: Rows, groups: Groups | None) -> Array:
    """(B,) the labels of the rarer of two answers, in units of equal weight, or the clusters that hold one."""
    counts = []
    for answer in (rows.y == end[:, None] for end in (rows.y.min(axis=1), rows.y.max(axis=1))):
        w = rows.w * answer
        w = w if groups is None else grouped(w, groups.inside, groups.labelled)
        square = (w**2).sum(axis=1)
        counts.append(np.divide(w.sum(axis=1) ** 2, square, out=np.zeros_like(square), where=square > 0))
    return np.asarray(np.minimum(*counts))


def _diagonal(V: Array) -> Array:
    return np.asarray(np.diagonal(V, axis1=1, axis2=2))


def _ratio(one: Array, other: Array) -> Array:
    return np.asarray(np.divide(one, other, out=np.ones_like(one), where=other > 0))
