"""Two methods that learn from the labelled units how to use the sources, then apply PPI++.

`ppi++-synth` chooses how much weight the proxy's loss and the synthetic loss get by K-fold cross-validation;
`reppi` (Ji, Lei and Zrnic 2025, "Predictions as surrogates") regresses the human score on the sources'
features with cross-fitting and uses the prediction in place of the model's score.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from moored.inference.data import Array, Sample, generator
from moored.inference.gmm.first_step import human_equation, solved
from moored.inference.laws import Alternative
from moored.inference.moments import Moments
from moored.inference.notes import with_notes
from moored.inference.ppi.plus_plus import finished, ppi_plus_plus, prepared, settled
from moored.inference.ppi.variance import Contrast, Mix, Scores, contrast, mixed_scores
from moored.inference.results import Fit, Target
from moored.inference.solve.newton import inverse, solve_all
from moored.inference.solve.passes import Block, Passes, Rows, Stream

ALPHAS = tuple(float(a) for a in np.linspace(1.0, 0.0, 11))
PENALTIES = np.logspace(-6, 3, 19)


@with_notes
def ppi_synth(
    data: Sample | Stream,
    family: str | Moments = "ols",
    *,
    folds: int = 5,
    rng: np.random.Generator | int | None = None,
    level: float = 0.95,
    alternative: Alternative = "two-sided",
    target: Target = "population",
    name: str = "ppi++-synth",
) -> Fit:
    """PPI++ with the loss alpha * proxy + (1 - alpha) * synthetic in both terms.

    alpha runs over 0, .1, ..., 1 and minimises the held-out variance of the estimate, scored on K folds
    of the labelled units with lambda tuned on the other folds; ties go to the proxy. Several sources of
    one kind share its weight equally; with one kind only, that kind has all of it.

    Parameters
    ----------
    folds : K.
    rng : draws the folds, a generator or the seed of one; None: seed 0.
    """
    begun = prepared(data, family, name, target)
    if (fit := settled(begun, name, level, alternative)) is not None:
        return fit
    passes, base = begun.passes, begun.base
    mixes = {alpha: _mix(passes, alpha) for alpha in ALPHAS}
    kinds = {kind for _, kind in passes.recipes}
    alpha = 1.0 if kinds == {"proxy"} else 0.0
    if len(kinds) == 2:
        scores = {a: mixed_scores(passes, begun.start, mix) for a, mix in mixes.items()}
        fold = _folds(base.n_labelled, folds, rng)
        risk = {a: _held_out(passes, begun.start, scores[a], fold) for a in ALPHAS}
        alpha = min(ALPHAS, key=lambda a: (risk[a], -a))
    return ppi_plus_plus(
        data,
        family,
        mix=begun.over_all(mixes[alpha]),
        level=level,
        alternative=alternative,
        target=target,
        name=name,
        tuning=(("alpha", alpha),),
    )


def _mix(passes: Passes, alpha: float) -> Mix:
    kinds = [kind for _, kind in passes.recipes]
    share = {"proxy": alpha, "synthetic": 1.0 - alpha}
    return tuple(share[kind] / kinds.count(kind) for kind in kinds)


def _folds(n: int, folds: int, rng: np.random.Generator | int | None) -> NDArray[np.int64]:
    return generator(0 if rng is None else rng).permutation(np.arange(n) % min(folds, n))


def _held_out(passes: Passes, b: Array, rows_of: Scores, fold: NDArray[np.int64]) -> float:
    """Held-out variance (trace, up to a constant) of the PPI++ estimate with lambda tuned off the fold."""
    found = contrast(passes, rows_of, b, ())
    psi, h = _labelled(passes, b, rows_of)
    bread = found.back @ inverse(found.H, "The human labels")
    p, ratio = len(b), found.n / found.N
    psi, h = psi @ bread.T, h @ bread.T
    outside = float(np.trace(bread @ found.plain[2 * p :, 2 * p :] @ bread.T)) / found.N
    total = 0.0
    for k in range(int(fold.max()) + 1):
        train, test = fold != k, fold == k
        mean_psi, mean_h = psi[train].mean(axis=0), h[train].mean(axis=0)
        covariance = float(np.sum((psi[train] - mean_psi) * (h[train] - mean_h))) / train.sum()
        least = (1.0 + ratio) * float(np.sum((h[train] - mean_h) ** 2)) / train.sum()
        lam = float(np.clip(covariance / least, 0.0, 1.0)) if least > 0 else 0.0
        left = (psi[test] - mean_psi) - lam * (h[test] - mean_h)
        total += float(np.sum(left**2)) + test.sum() * ratio * lam**2 * outside
    return total


def _labelled(passes: Passes, b: Array, rows_of: Scores) -> tuple[Array, Array]:
    psi, h = [], []
    for block in passes:
        w = np.ones(len(block.human.y)) if block.weight is None else block.weight
        psi.append(block.human.psi(passes.family, b) * w[:, None])
        h.append(rows_of(block)[block.labelled] * w[:, None])
    return np.concatenate(psi), np.concatenate(h)


@with_notes
def reppi(
    data: Sample | Stream,
    family: str | Moments = "ols",
    *,
    folds: int = 3,
    rng: np.random.Generator | int | None = None,
    level: float = 0.95,
    alternative: Alternative = "two-sided",
    target: Target = "population",
    name: str = "reppi",
) -> Fit:
    """Recalibrated PPI with linear learners.

    The human score psi_t at the human-only estimate is regressed, by ridge with its penalty chosen by
    generalised cross-validation, on each source's x, x y and score; labelled units are
    predicted by the model of the other folds and unlabelled ones by the folds' mean. The prediction g takes
    h's place in PPI++ and does not move with b: mean_L psi(b) = lambda (mean_L g - mean_U g).

    Parameters
    ----------
    folds : K.
    rng : draws the folds, a generator or the seed of one; None: seed 0.
    """
    begun = prepared(data, family, name, target)
    if (fit := settled(begun, name, level, alternative)) is not None:
        return fit
    passes, b = begun.passes, begun.start
    rows_of = _recalibrated(passes, b, folds, rng)
    first = contrast(passes, rows_of, b, ())
    lam = first.best()
    theta = _shifted(passes, first, lam, b)
    found = contrast(passes, rows_of, theta, ())
    return finished(
        begun,
        theta,
        found,
        lam,
        rows_of,
        name=name,
        level=level,
        alternative=alternative,
        tuning=(("lambda", lam),),
        sources=passes.names,
    )


def _shifted(passes: Passes, found: Contrast, lam: float, b: Array) -> Array:
    target = lam * (found.means[1] - found.means[2]) * found.n
    equation = human_equation(passes)
    equation.what, equation.target = "The recalibrated equation", target
    if passes.family.linear:
        return np.asarray(b + inverse(found.H, "The human labels") @ target / found.n)
    equation.guess = b
    solve_all(passes, [equation])
    return solved(equation)


def _features_of(passes: Passes, b: Array) -> Callable[[Block], Array]:
    """Of a block (m, f): a constant, then of each source x, x y and the score at b.

    A failed generation has the mean of the units that its source answered for, labelled or not.
    """

    def of(rows: Rows) -> Array:
        return np.column_stack([rows.X, rows.X * rows.y[:, None], rows.psi(passes.family, b)])

    means: dict[int, Array] = {}
    for m in (m for m, failed in enumerate(passes.counts.failed) if failed):
        sums: list[Array] = []
        for block in passes:
            rows = block.sources[m]
            seen = np.ones(block.size) if rows.seen is None else rows.seen
            sums.append(seen @ np.column_stack([np.ones(block.size), of(rows)]))
        total = np.sum(sums, axis=0)
        means[m] = total[1:] / total[0]

    def features(block: Block) -> Array:
        parts = [np.ones((block.size, 1))]
        for m, rows in enumerate(block.sources):
            found = of(rows)
            parts.append(found if rows.seen is None else np.where(rows.seen[:, None] > 0, found, means[m]))
        return np.column_stack(parts)

    return features


def _recalibrated(passes: Passes, b: Array, folds: int, rng: np.random.Generator | int | None) -> Scores:
    Z, psi, features_of = [], [], _features_of(passes, b)
    for block in passes:
        Z.append(features_of(block)[block.labelled])
        psi.append(block.human.psi(passes.family, b))
    features, scores = np.concatenate(Z), np.concatenate(psi)
    fold = _folds(len(scores), folds, rng)
    models = [_ridge(features[fold != k], scores[fold != k]) for k in range(int(fold.max()) + 1)]
    inside = np.empty_like(scores)
    for k, coefficients in enumerate(models):
        inside[fold == k] = features[fold == k] @ coefficients
    everywhere = np.mean(models, axis=0)
    starts = np.cumsum([0, *(int(block.labelled.sum()) for block in passes)])
    order = {"at": 0}

    def rows_of(block: Block) -> Array:
        g = features_of(block) @ everywhere
        at = order["at"] % (len(starts) - 1)
        g[block.labelled] = inside[starts[at] : starts[at + 1]]
        order["at"] += 1
        return np.asarray(g)

    return rows_of


def _ridge(Z: Array, Y: Array) -> Array:
    """Coefficients (f, p) on Z (n, f), whose first column is the constant, penalty by GCV."""
    mean, spread = Z[:, 1:].mean(axis=0), Z[:, 1:].std(axis=0)
    used = spread > 1e-10 * (np.abs(mean) + 1e-300)
    scaled = (Z[:, 1:][:, used] - mean[used]) / spread[used]
    centre = Y.mean(axis=0)
    out = np.zeros((Z.shape[1], Y.shape[1]))
    out[0] = centre
    if scaled.shape[1] == 0:
        return out
    U, d, Vt = np.linalg.svd(scaled, full_matrices=False)
    projected = U.T @ (Y - centre)
    whole = np.sum((Y - centre) ** 2)
    best, chosen = np.inf, np.zeros_like(d)
    for penalty in PENALTIES * len(Z):
        shrink = d**2 / (d**2 + penalty)
        left = whole - np.sum((2 * shrink - shrink**2)[:, None] * projected**2)
        score = left / max(len(Z) - 1.0 - shrink.sum(), 1e-9) ** 2
        if score < best:
            best, chosen = score, d / (d**2 + penalty)
    coefficients = (Vt.T * chosen) @ projected / spread[used][:, None]
    out[1:][used] = coefficients
    out[0] = centre - mean[used] @ coefficients
    return out
