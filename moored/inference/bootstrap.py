"""Bootstrap of the two-step estimate: labelled units resampled, the unlabelled part by its normal law.

n is small and T large, so redrawing all T units a thousand times is waste: only the n labelled ones are
resampled (whole clusters where there are any), and the unlabelled sums, on which the central limit theorem
is safe, are drawn from their normal law (Zrnic 2024, "A note on the prediction-powered bootstrap", section 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moored.errors import DataInvalid, EstimationError, NotConverged
from moored.inference.data import Array, Sample, generator
from moored.inference.families import family_of
from moored.inference.gmm.estimator import gmm
from moored.inference.gmm.first_step import solved, source_equation
from moored.inference.laws import Alternative
from moored.inference.moments import Moments
from moored.inference.results import Fit
from moored.inference.solve.newton import inverse, solve_all, solve_scaled
from moored.inference.solve.passes import Block, Passes
from moored.plaintext import counted

FEWEST = 99


@dataclass(frozen=True, slots=True, eq=False)
class Bootstrap:
    """Draws of theta and their intervals.

    Attributes
    ----------
    fit
        The estimate that was resampled.
    draws
        (B, p).
    lower, upper
        (p,) percentile interval at the fit's level; infinite on the open side.
    p_value
        (p,) of theta_j = 0, by inverting that interval, so that the two agree.
    failed
        Draws that had no estimate and were drawn again.
    """

    fit: Fit
    draws: Array
    lower: Array
    upper: Array
    p_value: Array
    failed: int


def bootstrap(
    data: Sample,
    family: str | Moments = "ols",
    *,
    rng: np.random.Generator | int,
    draws: int = 999,
    level: float = 0.95,
    alternative: Alternative = "two-sided",
) -> Bootstrap:
    """Percentile bootstrap of `gmm` over all sources of a sample in memory.

    Each draw repeats both steps on the resampled labelled units: the weight S_L, the slopes and the regression
    B are computed anew, eta moves one step from the full-sample fit, and theta solves its shifted score
    equation.

    Raises
    ------
    DataInvalid
        Fewer than 99 draws, known unequal probabilities or strata (resampling ignores them).
    NotConverged
        More than half of the draws have no estimate. Also what `gmm` raises.

    Example
    -------
    With the sample of `Sample`:

    >>> found = bootstrap(sample, "mean", rng=1, draws=199)
    >>> found.draws.shape, bool(found.lower[0] < found.fit.estimate[0] < found.upper[0])
    ((199, 1), True)
    """
    if draws < FEWEST:
        raise DataInvalid(
            f"{counted(draws, 'draw is', 'draws are')} too few for an interval; take {FEWEST} or more."
        )
    if data.probability is not None or data.strata is not None:
        raise DataInvalid(
            "The bootstrap resamples labelled units alike; use 'gmm-synth' for unequal probabilities."
        )
    rng, chosen = generator(rng), family_of(family)
    fit = gmm(data, chosen, level=level, alternative=alternative, name="gmm-bootstrap")
    world = _World(data.with_sources(s for s in data.sources if s.name in fit.sources), chosen)
    found: list[Array] = []
    failed = 0
    while len(found) < draws:
        try:
            found.append(world.draw(rng))
        except EstimationError:
            failed += 1
            if failed > draws:
                raise NotConverged("Most bootstrap draws have no estimate; label more units.") from None
    theta = np.stack(found)
    return Bootstrap(fit, theta, *_percentile(theta, level, alternative), failed)


class _World:
    """What a draw needs: the labelled rows, and the unlabelled sums with their slopes and covariance."""

    def __init__(self, data: Sample, family: Moments) -> None:
        self.family = family
        passes = Passes(data, family)
        self.block: Block = next(iter(passes))
        self.start = gmm(data.with_sources(()), family).estimate
        self.etas = [gmm_source(data, m, family) for m in range(len(data.sources))]
        rest = ~self.block.labelled
        h = [
            rows.take(rest).psi(family, eta) for rows, eta in zip(self.block.sources, self.etas, strict=True)
        ]
        h_rest = np.column_stack([np.zeros((int(rest.sum()), 0)), *h])
        groups = self.block.cluster
        self.S_rest = _gram(h_rest, None if groups is None else groups[rest])
        self.h_rest = h_rest.sum(axis=0)
        self.slope_rest = [
            rows.take(rest).sums(family, eta, None)[1]
            for rows, eta in zip(self.block.sources, self.etas, strict=True)
        ]
        scale = np.linalg.eigh(self.S_rest)
        self.root = scale.eigenvectors * np.sqrt(np.maximum(scale.eigenvalues, 0.0))
        self.members = None if groups is None else _members(groups[self.block.labelled])

    def draw(self, rng: np.random.Generator) -> Array:
        """One theta (p,)."""
        rows, codes = self._picked(rng)
        human = self.block.human.take(rows)
        theta = _newton(self.family, human.y, human.X, self.start, np.zeros(len(self.start)))
        if not self.etas:
            return theta
        overlap = [source.take(rows) for source in self.block.overlap]
        h = np.column_stack([s.psi(self.family, eta) for s, eta in zip(overlap, self.etas, strict=True)])
        psi = human.psi(self.family, theta)
        joint = _gram(np.column_stack([psi, h]), codes)
        p = len(theta)
        S_L, C = joint[p:, p:], joint[:p, p:]
        slopes = [s.sums(self.family, eta, None)[1] for s, eta in zip(overlap, self.etas, strict=True)]
        G_L, G_U = _diagonal(slopes), _diagonal(self.slope_rest)
        h_L = h.sum(axis=0)
        h_U = self.h_rest + self.root @ rng.normal(size=len(h_L))
        information = G_L.T @ solve_scaled(S_L, G_L) + G_U.T @ solve_scaled(self.S_rest, G_U)
        score = G_L.T @ solve_scaled(S_L, h_L) + G_U.T @ solve_scaled(self.S_rest, h_U)
        step = -inverse(information, "A bootstrap draw") @ score
        target = C @ solve_scaled(S_L, h_L + G_L @ step)
        return _newton(self.family, human.y, human.X, theta, target)

    def _picked(self, rng: np.random.Generator) -> tuple[NDArray[np.intp], NDArray[np.intp] | None]:
        """The labelled rows of one draw, with repetitions, and the drawn cluster of each."""
        units = len(self.block.human.y) if self.members is None else len(self.members)
        picked = rng.integers(0, units, units)
        if self.members is None:
            return picked, None
        sizes = [len(self.members[g]) for g in picked]
        return np.concatenate([self.members[g] for g in picked]), np.repeat(np.arange(units), sizes)


def gmm_source(data: Sample, m: int, family: Moments) -> Array:
    """eta_m (k,): source m taken at its word over all units."""
    passes = Passes(data, family)
    found = source_equation(passes, m)
    solve_all(passes, [found])
    return solved(found)


def _newton(family: Moments, y: Array, X: Array, b: Array, target: Array) -> Array:
    """Plain Newton from a good start; NotConverged where that does not do."""
    for _ in range(50):
        score, slope = family.sums(y, X, b, None)
        step = -inverse(slope, "A bootstrap draw") @ (score - target)
        b = b + step
        if not np.isfinite(b).all() or np.abs(b).max() > 1e8:
            break
        if family.linear or np.abs(step).max() <= 1e-9 * (1.0 + np.abs(b).max()):
            return b
    raise NotConverged("A bootstrap draw has no estimate.")


def _gram(rows: Array, codes: NDArray[Any] | None) -> Array:
    if codes is not None:
        _, group = np.unique(codes, return_inverse=True)
        sums = np.zeros((int(group.max(initial=-1)) + 1, rows.shape[1]))
        np.add.at(sums, group, rows)
        rows = sums
    return np.asarray(rows.T @ rows)


def _members(codes: NDArray[Any]) -> list[NDArray[np.intp]]:
    """The rows of each cluster."""
    order = np.argsort(codes, kind="stable")
    _, starts = np.unique(codes[order], return_index=True)
    return np.split(order, starts[1:])


def _diagonal(blocks: list[Array]) -> Array:
    k = len(blocks[0])
    out = np.zeros((k * len(blocks), k * len(blocks)))
    for i, block in enumerate(blocks):
        out[i * k : (i + 1) * k, i * k : (i + 1) * k] = block
    return out


def _percentile(theta: Array, level: float, alternative: Alternative) -> tuple[Array, Array, Array]:
    B, p = theta.shape
    below = ((theta <= 0).sum(axis=0) + 1.0) / (B + 1.0)
    above = ((theta >= 0).sum(axis=0) + 1.0) / (B + 1.0)
    infinite = np.full(p, np.inf)
    ordered = np.sort(theta, axis=0)

    def order_statistic(tail: float) -> Array:
        return np.asarray(ordered[max(int(np.floor((B + 1) * tail)) - 1, 0)])

    if alternative == "larger":
        return order_statistic(1.0 - level), infinite, np.minimum(below, 1.0)
    if alternative == "smaller":
        return -infinite, -_mirrored(ordered, 1.0 - level), np.minimum(above, 1.0)
    tail = (1.0 - level) / 2.0
    return (
        order_statistic(tail),
        -_mirrored(ordered, tail),
        np.minimum(2.0 * np.minimum(below, above), 1.0),
    )


def _mirrored(ordered: Array, tail: float) -> Array:
    B = len(ordered)
    return np.asarray(-ordered[::-1][max(int(np.floor((B + 1) * tail)) - 1, 0)])
