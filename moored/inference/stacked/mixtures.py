"""`ppi++-synth` and `reppi` over many draws (`moored.inference.ppi.mixtures`): the same folds, grids and rules."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moored.inference.data import Array, Mask
from moored.inference.families import family_of
from moored.inference.moments import Moments
from moored.inference.ppi.mixtures import ALPHAS, PENALTIES
from moored.inference.stacked.answers import Answers, no_answers, normal_answers
from moored.inference.stacked.draws import Draws
from moored.inference.stacked.gmm import human_fit
from moored.inference.stacked.newton import jacobian, root, scores, solve, times
from moored.inference.stacked.ppi import Contrast, centred, contrast_of, equally_mixed, mixed

ALPHA_FOLDS, REPPI_FOLDS = 5, 3


def _folds(n: int, folds: int) -> NDArray[np.int64]:
    return np.random.default_rng(0).permutation(np.arange(n) % min(folds, n))


def ppi_synth(draws: Draws, family: str, level: float = 0.95) -> Answers:
    """PPI++ with the loss alpha * proxy + (1 - alpha) * synthetic, alpha by cross-validation."""
    moments = family_of(family)
    regular = draws.regular(moments)
    kinds = np.array([source.kind for source in draws.sources])
    if len(set(kinds.tolist())) < 2 or draws.n == draws.T:
        return equally_mixed(draws, family, None, level)
    base, _ = human_fit(draws, moments, regular)
    bread = np.swapaxes(_inverse(jacobian(moments, draws.human, base) / draws.n, regular), -1, -2)
    psi = scores(moments, draws.human, base) @ bread
    h = {}
    for kind in ("proxy", "synthetic"):
        chosen = draws.kept(kind)
        inside = np.sum([s.filled(scores(moments, s.labelled, base), 0) for s in chosen], axis=0)
        outside = np.sum([s.filled(scores(moments, s.rest, base), 1) for s in chosen], axis=0)
        h[kind] = (inside @ bread / len(chosen), outside @ bread / len(chosen))
    fold, best, alpha = _folds(draws.n, ALPHA_FOLDS), np.full(draws.size, np.inf), np.ones(draws.size)
    products = _Products.of([psi, h["proxy"][0], h["synthetic"][0]], [h["proxy"][1], h["synthetic"][1]], fold)
    for candidate in ALPHAS:
        risk = products.risk(np.array([candidate, 1.0 - candidate]))
        better = risk < best
        best, alpha = np.where(better, risk, best), np.where(better, candidate, alpha)
    share = {"proxy": alpha, "synthetic": 1.0 - alpha}
    mix = np.stack([share[kind] / np.count_nonzero(kinds == kind) for kind in kinds], axis=-1)
    return mixed(draws, moments, draws.sources, mix, level, regular)


def _inverse(A: Array, regular: Mask) -> Array:
    return solve(A, np.broadcast_to(np.eye(A.shape[-1]), A.shape), regular)


@dataclass(frozen=True, slots=True, eq=False)
class _Products:
    """All that the held-out variance of any mixture needs: cross-products of (psi, proxy, synthetic), by fold.

    Attributes
    ----------
    sizes : K labelled units a fold.
    sums : (B, K, 3, p) of each score over a fold.
    inner : (B, K, 3, 3) inner products of the scores over a fold.
    rest : (B, 2, 2) the same of the proxy's and the synthetic score over the other units, centred, by unit.
    ratio : labelled over other units.
    """

    sizes: list[int]
    sums: Array
    inner: Array
    rest: Array
    ratio: float

    @classmethod
    def of(cls, inside: list[Array], outside: list[Array], fold: NDArray[np.int64]) -> _Products:
        """From scores of the labelled units (B, n, p) and of the others (B, N, p), already times the bread.

        The scores are centred first: only differences from means are used, and products of these are exact.
        """
        stacked = np.stack([centred(rows) for rows in inside], axis=1)
        others = np.stack([centred(rows) for rows in outside], axis=1)
        folds = [stacked[:, :, fold == k] for k in range(int(fold.max()) + 1)]
        return cls(
            [rows.shape[2] for rows in folds],
            np.stack([rows.sum(axis=2) for rows in folds], axis=1),
            np.stack([_inner(rows) for rows in folds], axis=1),
            _inner(others) / others.shape[2],
            stacked.shape[2] / others.shape[2],
        )

    def risk(self, mix: Array) -> Array:
        """Held-out variance (B,) of psi less lambda times the mixture, lambda tuned off the fold."""
        to_two = np.array([[1.0, 0.0, 0.0], [0.0, *mix]])
        sums = np.einsum("ij,bkjp->bkip", to_two, self.sums)
        inner = np.einsum("ij,bkjl,ml->bkim", to_two, self.inner, to_two)
        outside = np.einsum("i,bij,j->b", mix, self.rest, mix)
        total = np.zeros(len(sums))
        for k, size in enumerate(self.sizes):
            count = sum(self.sizes) - size
            mean = (sums.sum(axis=1) - sums[:, k]) / count
            train = (inner.sum(axis=1) - inner[:, k]) / count - mean @ np.swapaxes(mean, -1, -2)
            least = (1.0 + self.ratio) * train[:, 1, 1]
            lam = np.clip(
                np.divide(train[:, 0, 1], least, out=np.zeros_like(least), where=least > 0), 0.0, 1.0
            )
            cross = sums[:, k] @ np.swapaxes(mean, -1, -2)
            test = inner[:, k] - cross - np.swapaxes(cross, -1, -2) + size * mean @ np.swapaxes(mean, -1, -2)
            total += test[:, 0, 0] - 2.0 * lam * test[:, 0, 1] + lam**2 * test[:, 1, 1]
            total += size * self.ratio * lam**2 * outside
        return total


def _inner(rows: Array) -> Array:
    """(B, S, m, p) -> (B, S, S): sums over units and coordinates of products."""
    flat = rows.reshape(*rows.shape[:2], -1)
    return np.asarray(flat @ np.swapaxes(flat, -1, -2))


def reppi(draws: Draws, family: str, level: float = 0.95) -> Answers:
    """Recalibrated PPI with ridge learners, cross-fitted."""
    moments = family_of(family)
    regular = draws.regular(moments)
    if not draws.sources or draws.n == draws.T:
        return no_answers(draws)
    base, base_covariance = human_fit(draws, moments, regular)
    se = np.sqrt(np.diagonal(base_covariance, axis1=-2, axis2=-1))
    g_L, g_U = _recalibrated(draws, moments, base, regular)
    first = _contrast(draws, moments, base, g_L, g_U)
    lam = first.best(regular)
    target = lam[:, None] * first.gap * draws.n
    theta = root(moments, [(draws.human, 1.0)], regular, guess=base, target=target)
    covariance = _contrast(draws, moments, theta, g_L, g_U).variance(lam, regular)
    return normal_answers(theta, covariance, regular, level=level, n=draws.n, human_se=se)


def _contrast(draws: Draws, family: Moments, b: Array, g_L: Array, g_U: Array) -> Contrast:
    H = jacobian(family, draws.human, b) / draws.n
    return contrast_of(scores(family, draws.human, b), g_L, g_U, H, H)


def _recalibrated(draws: Draws, family: Moments, b: Array, regular: Mask) -> tuple[Array, Array]:
    """The human score's prediction for labelled (B, n, p) and for the other units (B, N, p)."""
    inside, outside = _features(draws, family, b)
    psi, fold = scores(family, draws.human, b), _folds(draws.n, REPPI_FOLDS)
    predicted, models = np.empty_like(psi), []
    for k in range(int(fold.max()) + 1):
        coefficients = _ridge(inside[:, fold != k], psi[:, fold != k])
        predicted[:, fold == k] = inside[:, fold == k] @ coefficients
        models.append(coefficients)
    regular &= np.isfinite(predicted).all(axis=(1, 2))
    return predicted, outside @ np.mean(models, axis=0)


def _features(draws: Draws, family: Moments, b: Array) -> tuple[Array, Array]:
    """Of labelled (B, n, f) and other units: a constant, then of each source x, x y and the score at b.

    A failed generation has the mean of the units that its source answered for.
    """
    sides = [np.ones((draws.size, m, 1)) for m in (draws.n, draws.T - draws.n)]
    for source in draws.sources:
        found = [
            np.concatenate([rows.X, rows.X * rows.y[..., None], scores(family, rows, b)], axis=-1)
            for rows in (source.labelled, source.rest)
        ]
        if source.seen is not None:
            total = sum(rows.sum(axis=1) for rows in found)
            mean = total / sum(seen.sum(axis=1) for seen in source.seen)[:, None]
            pairs = zip(source.seen, found, strict=True)
            found = [np.where(seen[..., None] > 0, rows, mean[:, None]) for seen, rows in pairs]
        sides = [np.concatenate([side, rows], axis=-1) for side, rows in zip(sides, found, strict=True)]
    return sides[0], sides[1]


def _ridge(Z: Array, Y: Array) -> Array:
    """Coefficients (B, f, p) on Z (B, n, f), whose first column is the constant, penalty by GCV."""
    n = Z.shape[1]
    mean, spread = Z[:, :, 1:].mean(axis=1), Z[:, :, 1:].std(axis=1)
    used = spread > 1e-10 * (np.abs(mean) + 1e-300)
    spread = np.where(used, spread, 1.0)
    scaled = np.where(used[:, None], (Z[:, :, 1:] - mean[:, None]) / spread[:, None], 0.0)
    centre = Y.mean(axis=1)
    left_Y = Y - centre[:, None]
    w, V = np.linalg.eigh(times(scaled, scaled))
    w = np.maximum(w, 0.0)
    q = times(V, times(scaled, left_Y))  # (B, f, p)
    whole, size = np.sum(left_Y**2, axis=(1, 2)), np.sum(q**2, axis=2)
    best, chosen = np.full(len(Z), np.inf), np.zeros_like(w)
    for penalty in PENALTIES * n:
        inverse = 1.0 / (w + penalty)
        shrink = w * inverse
        left = whole - np.sum((w + 2.0 * penalty) * inverse**2 * size, axis=1)
        score = left / np.maximum(n - 1.0 - shrink.sum(axis=1), 1e-9) ** 2
        better = score < best
        best, chosen = np.where(better, score, best), np.where(better[:, None], inverse, chosen)
    coefficients = (V * chosen[:, None, :]) @ q / spread[..., None]
    first = centre - (mean[:, None] @ coefficients)[:, 0]
    return np.concatenate([first[:, None], coefficients], axis=1)
