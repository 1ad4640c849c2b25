"""Terms that a few labelled units decide: by large weights, or by values far from the others'.

The sandwich variance of term j is V_j = sum_t a_tj^2 r_t^2, with a_t = A H^-1 w_t x_t and r_t the residual. In
a fit that r_t comes from, E r_t^2 is about v_t (1 - h_t), h_t the leverage, where the outcome's variance is v_t.
So V_j is too small by b_j = sum a^2 v (1 - h) / sum a^2 v, and varies as a chi-squared variable on
d_j = (sum a^2 v (1 - h))^2 / sum (a^2 v (1 - h))^2 degrees of freedom (Satterthwaite 1946; Bell, McCaffrey 2002).
A normal interval of 95% then covers about P(|t_d| < 1.96 sqrt(b)). In simulated worlds, with probabilities over
four orders of magnitude and covariates with long tails, that came within .02 of what intervals covered; with
skewed outcomes it is up to .05 too high.
"""

from __future__ import annotations

import numpy as np

from moored.inference.data import Array
from moored.inference.families import Linear, Logit, Poisson
from moored.inference.moments import Moments
from moored.inference.solve.passes import Block, Passes

COVERS = 0.91
"""Intervals of 95% that cover less than this, by leverage alone, are said to be too narrow."""
ALONE = 1e-9  # share of the variance that is left: below it a single unit decides, which `events` says


class Leverage:
    """Counted block by block, in the pass that needs them anyway.

    theta (p,), slope (p, p): the estimate and the Jacobian of its moments, in the passes' frame. Nothing is said of
    families with several parameters a column, nor of clusters, of which single units say nothing.
    """

    def __init__(self, passes: Passes, theta: Array, slope: Array | None) -> None:
        p = len(theta)
        self.terms, self.family, self.theta, self.back = passes.terms, passes.family, theta, passes.frame.back
        named = isinstance(passes.family, Linear | Logit | Poisson) and not passes.clustered
        self.bread = np.linalg.inv(slope) if named and slope is not None else None
        self.whole, self.kept, self.squared = np.zeros(p), np.zeros(p), np.zeros(p)

    def add(self, block: Block) -> None:
        """Count the labelled units of a block."""
        if self.bread is None:
            return
        X = block.human.X
        w = np.ones(len(X)) if block.weight is None else block.weight
        v = _variance(self.family, X, self.theta)
        moved = X @ self.bread.T
        h = np.abs(np.einsum("ij,ij->i", moved, X)) * w * v
        share = (moved @ self.back.T * w[:, None]) ** 2 * v[:, None]
        left = share * np.maximum(1.0 - h, 0.0)[:, None]
        self.whole += share.sum(axis=0)
        self.kept += left.sum(axis=0)
        self.squared += (left**2).sum(axis=0)

    def thin_terms(self) -> dict[str, float]:
        """The terms whose normal intervals of 95% cover less than `COVERS`, and how much they cover."""
        from scipy.special import stdtr

        p = len(self.terms)
        informed = (self.kept > ALONE * self.whole) & (self.squared > 0)
        bias = np.divide(self.kept, self.whole, out=np.ones(p), where=informed)
        df = np.divide(self.kept**2, self.squared, out=np.full(p, np.inf), where=informed)
        covers = 1.0 - 2.0 * stdtr(df, -1.96 * np.sqrt(bias))
        return {term: float(c) for term, c in zip(self.terms, covers, strict=True) if c < COVERS}

    def warnings(self, way_out: str) -> list[str]:
        """What the reader must know of them."""
        found = self.thin_terms()
        if not found:
            return []
        terms, least = ", ".join(map(repr, found)), min(found.values())
        worst = " in the worst of them" if len(found) > 1 else ""
        what = f"a few labelled units decide {terms}, by large weights or values far from the others'"
        return [f"{what}: an interval of 95% covers about {100 * least:.0f}%{worst}; {way_out}"]


def _variance(family: Moments, X: Array, theta: Array) -> Array:
    """The outcome's variance (n,) as the family has it, up to a factor."""
    if isinstance(family, Linear):
        return np.ones(len(X))
    index = np.clip(X @ theta, -30.0, 30.0)
    if isinstance(family, Poisson):
        return np.asarray(np.exp(index))
    mu = 1.0 / (1.0 + np.exp(-index))
    return np.asarray(mu * (1.0 - mu))
