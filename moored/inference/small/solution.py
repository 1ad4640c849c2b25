"""From fits to the answer of `gmm-small`, over a leading axis of draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from moored.inference.data import Array, Mask
from moored.inference.events import FEW_EVENTS
from moored.inference.families import Linear, Logit, Poisson
from moored.inference.moments import Moments
from moored.inference.small.bias_reduced import Rows
from moored.inference.small.coefficients import Weighed
from moored.inference.small.deletions import Fitted, Groups, grouped
from moored.inference.small.intervals import LENGTHENED, Shape, satterthwaite, skewness, spread

LEAST_SHARE = 1e-3  # of the model's variance, under a jackknife that may be singular where labels are alike


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """The answer, in the columns of the fit.

    Attributes
    ----------
    family, rows, human, groups : what it was made from.
    binary : (B,) all outcomes are one of two values.
    estimate : (B, p).
    inside, outside, alone : (B, p, p) variance of the estimate that the labelled groups show, that they do not, and
        the variance of the human fit alone.
    left : (B, G, p) influence of the groups that the sources leave.
    effective : (B,) effective number of the sources' coefficients.
    """

    family: Moments
    rows: Rows
    human: Fitted
    groups: Groups | None
    binary: Mask
    estimate: Array
    inside: Array
    outside: Array
    alone: Array
    left: Array
    effective: Array

    def shape(self, K: Array) -> Shape:
        """The law of K beta, K (k, p)."""
        inside, total, alone = (_along(V, K) for V in (self.inside, self.inside + self.outside, self.alone))
        human, rows = self.human, self.rows
        share = _ratio(inside, total)
        pull = (rows.X @ (human.P @ K.T)) * rows.w[..., None]
        model = (pull**2 * human.v[..., None]).sum(axis=1)
        codes = None if self.groups is None else self.groups.inside
        df, bias = satterthwaite(human.t @ K.T, rows.X, human.v, rows.w, human.P, model, codes)
        df = np.maximum(df - self.effective[:, None], 1.0) / np.maximum(share, 1e-9) ** 2
        ease = 1.0 / np.sqrt(1.0 + np.maximum(bias - 1.0, 0.0) * share)
        linear, logit = isinstance(self.family, Linear), isinstance(self.family, Logit)
        normal = np.broadcast_to((logit & self.binary)[:, None], df.shape)
        skew = skewness(self.left @ K.T, inside, total) if linear else np.zeros_like(df)
        return Shape(
            estimate=self.estimate @ K.T,
            se=np.sqrt(np.maximum(total, 0.0)),
            alone=np.sqrt(np.maximum(alone, 0.0)),
            shift=(human.b - self.estimate) @ K.T,
            df=np.where(normal, np.inf, df),
            skew=LENGTHENED * skew,
            ease=np.where(normal, np.maximum(ease, np.sqrt(np.minimum(_ratio(model, alone), 1.0))), ease),
            least_df=np.where(normal, np.inf, max(human.influence.shape[1] - rows.X.shape[-1], 1.0)),
        )


def conclude(
    family: Moments,
    rows: Rows,
    human: Fitted,
    weighed: Weighed | None,
    groups: Groups | None,
    missed: Array | None = None,
) -> Solution:
    """The estimate, its covariance and the shape of its law.

    `missed` (B, G) are the groups' chances of not being labelled where the corpus is the target.

    Three things are added to the jackknife's variance where it is known to fall short:

    - logit of two answers: never less than the fitted model's own variance implies, which few events do not upset;
    - the same, and linear fits of two answers: with k events (of the rarer answer), the share of the variance
      that the sources leave is (k r + m) / (k + m) in place of r, as if they had missed m events more: half of
      one, and an eighth for each coefficient; below FEW_EVENTS one and one for each;
    - what the sources vary among all units and do not among the labelled (`Weighed.outside`).
    """
    without, left = human.without, human.influence
    estimate, outside, effective = human.b, np.zeros_like(human.H), np.zeros(len(human.b))
    if weighed is not None:
        estimate, without = estimate - weighed.shift, without + weighed.without
        left, outside, effective = weighed.left, weighed.outside, weighed.effective
    inside, alone = spread(without, missed), spread(human.without, missed)
    binary = two_valued(rows.y)
    if not isinstance(family, Linear):
        share = np.ones(len(binary)) if missed is None else missed.mean(axis=1)
        inside, alone = _no_smaller(
            rows, human, inside, alone, np.where(binary | isinstance(family, Poisson), share, 0.0)
        )
    if weighed is not None:
        count = events(rows, groups)
        more = np.where(count < FEW_EVENTS, 1.0 + effective, 0.5 + effective / 8.0)
        unsure = np.where(binary, more / (count + more), 0.0)[:, None, None]
        inside = (1.0 - unsure) * inside + unsure * alone
    return Solution(family, rows, human, groups, binary, estimate, inside, outside, alone, left, effective)


def _no_smaller(rows: Rows, human: Fitted, inside: Array, alone: Array, share: Array) -> tuple[Array, Array]:
    """Both variances S V S', S such that the human one is in no direction smaller than the fitted model's.

    A thousandth of the model's variance is added to both first: where a cell answers alike the jackknife has no
    variance to enlarge, and says nothing of what the sources would leave of it. `share` (B,): of the variance that
    the target leaves; 0 where nothing is to be done.
    """
    H = np.linalg.cholesky(human.H)  # its metric keeps S the same for any columns
    x = (rows.X * (rows.w * np.sqrt(human.v))[..., None]) @ human.P @ H
    model = np.swapaxes(x, 1, 2) @ x
    jackknife = spread(human.without @ H) + LEAST_SHARE * model
    L = np.linalg.cholesky(jackknife)
    down = np.linalg.inv(L)
    size, turn = np.linalg.eigh(down @ model @ np.swapaxes(down, 1, 2))
    larger = turn * np.sqrt(np.maximum(size, 1.0))[:, None, :] @ np.swapaxes(turn, 1, 2)
    S = np.where((share > 0)[:, None, None], L @ larger @ down, np.eye(H.shape[-1]))
    S = np.swapaxes(np.linalg.inv(H), 1, 2) @ S
    little = LEAST_SHARE * share[:, None, None] * model
    inside, alone = (
        S @ (np.swapaxes(H, 1, 2) @ V @ H + little) @ np.swapaxes(S, 1, 2) for V in (inside, alone)
    )
    return inside, alone


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


def _along(V: Array, K: Array) -> Array:
    """(B, k) the variances of K beta."""
    return np.asarray(((K @ V) * K).sum(axis=-1))


def _ratio(one: Array, other: Array) -> Array:
    return np.asarray(np.divide(one, other, out=np.ones_like(one), where=other > 0))
