"""The second moments of a PPI++ estimate: what tunes its lambda and gives its variance (see `ppi.py`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from moored.inference.data import Array
from moored.inference.failures import observed_shares
from moored.inference.solve.drawing import Drawing
from moored.inference.solve.gram import Gram
from moored.inference.solve.newton import inverse
from moored.inference.solve.passes import Block, Passes, Rows

Mix = tuple[float, ...]
Scores = Callable[[Block], Array]


@dataclass(frozen=True, slots=True)
class Contrast:
    """Centred second moments of (psi_L, h_L, h_U), (3p, 3p), and what goes with them.

    `plain` treats units as independent, `grouped` sums them by cluster or stratum first. n, N are sums of
    weights; means is (3, p); H (p, p) is the mean Jacobian over L, H_all over all units or None where the
    model's covariates are not the human ones; back (p, p) leads to the data's own columns.
    """

    plain: Array
    grouped: Array
    n: float
    N: float
    means: Array
    H: Array
    H_all: Array | None
    back: Array

    def best(self) -> float:
        """The clipped lambda that minimises the trace of the asymptotic variance, in the data's own columns."""
        p, n, N = len(self.H), self.n, self.N
        bread = self.back @ inverse(self.H if self.H_all is None else self.H_all, "The human labels")
        covariance = self.plain[:p, p : 2 * p] / n
        within = self.plain[p : 2 * p, p : 2 * p] + self.plain[2 * p :, 2 * p :]
        gap = self.means[1] - self.means[2]
        pooled = (within + np.outer(gap, gap) * n * N / (n + N)) / (n + N - 1.0)
        least = (1.0 + n / N) * float(np.trace(bread @ pooled @ bread.T))
        gain = float(np.trace(bread @ (covariance + covariance.T) @ bread.T)) / 2.0
        return float(np.clip(gain / least, 0.0, 1.0)) if least > 0 else 0.0

    def variance(self, lam: float) -> Array:
        """Covariance (p, p) of the estimate at that lambda."""
        eye = np.eye(len(self.H))
        A = np.hstack([eye / self.n, -lam / self.n * eye, lam / self.N * eye])
        bread = self.bread(lam)
        return bread @ A @ self.grouped @ A.T @ bread.T

    def bread(self, lam: float) -> Array:
        """The inverse Jacobian (p, p)."""
        return inverse(self.H if self.H_all is None or lam == 0 else self.H_all, "The human labels")


def corpus_covariance(passes: Passes, rows_of: Scores, b: Array, lam: float, found: Contrast) -> Array:
    """Covariance (p, p) at b around what all labels of this corpus would have given: only the draw is random.

    Labelling unit t moves the estimate by w_t (psi_t - lam h_t) / n - v_t lam h_t / N, with v_t =
    (1 - pi_bar) / (1 - pi_t) its weight had it not been labelled. One pass.
    """
    drawing = Drawing(passes, len(b))
    for block in passes:
        h, psi = rows_of(block)[block.labelled], block.human.psi(passes.family, b)
        w = np.ones(len(psi)) if block.weight is None else block.weight
        v = (1.0 - drawing.overall) / np.maximum(1.0 - drawing.overall / w, 1e-300)
        drawing.add(block, w[:, None] * (psi - lam * h) / found.n - (lam * v / found.N)[:, None] * h)
    bread = found.bread(lam)
    return np.asarray(bread @ drawing.value() @ bread.T)


def contrast(passes: Passes, rows_of: Scores, b: Array, mix: Mix) -> Contrast:
    """Second moments at b (p,). `rows_of(block)` gives h of every unit (m, p). One pass."""
    p = len(b)
    size = 3 * p + 2
    plain, grouped = Gram(passes, size, clusters=False, strata=False), Gram(passes, size)
    total, H, H_rest, same = np.zeros(size), np.zeros((p, p)), np.zeros((p, p)), bool(mix)
    for block in passes:
        lab, h = block.labelled, rows_of(block)
        w = np.ones(int(lab.sum())) if block.weight is None else block.weight
        v = block.rest_weight[~lab]
        psi = block.human.psi(passes.family, b)
        inside = np.column_stack([psi, h[lab], np.ones(len(w))]) * w[:, None]
        rows = np.column_stack([inside, np.zeros((len(w), p + 1))])
        rest = np.column_stack([h[~lab], np.ones(len(v))]) * v[:, None]
        codes = block.cluster if block.cluster is not None else block.strata
        plain.add(rows, rest, 2 * p + 1, None, lab)
        grouped.add(rows, rest, 2 * p + 1, codes, lab)
        total += np.concatenate([inside.sum(axis=0), rest.sum(axis=0)])
        H += block.human.sums(passes.family, b, block.weight)[1]
        same = same and _same_covariates(block, mix)
        if same:
            for c, source in zip(mix, block.sources, strict=True):
                if c:
                    H_rest += c * source.sums(passes.family, b, block.rest_weight)[1]
    n, N = float(total[2 * p]), float(total[-1])
    means = np.stack([total[:p] / n, total[p : 2 * p] / n, total[2 * p + 1 : -1] / N])
    M = np.zeros((3 * p, size))
    M[: 2 * p, : 2 * p], M[2 * p :, 2 * p + 1 : -1] = np.eye(2 * p), np.eye(p)
    M[: 2 * p, 2 * p], M[2 * p :, -1] = -means[:2].ravel(), -means[2]
    return Contrast(
        plain=M @ plain.value() @ M.T,
        grouped=M @ grouped.value() @ M.T,
        n=n,
        N=N,
        means=means,
        H=H / n,
        H_all=(H + H_rest) / (n + N) if same else None,
        back=passes.frame.back,
    )


def _same_covariates(block: Block, mix: Mix) -> bool:
    return all(
        not c or (rows.seen is None and np.array_equal(rows.X, block.human.X))
        for c, rows in zip(mix, block.overlap, strict=True)
    )


def mixed_scores(passes: Passes, b: Array, mix: Mix) -> Scores:
    """A function of a block: sum_m c_m psi(source m; b), (m, p); a failed generation has its side's mean."""
    shares = observed_shares(passes)
    means = {m: _side_means(passes, b, m) for m, share in enumerate(shares) if mix[m] and min(share) < 1}

    def rows_of(block: Block) -> Array:
        total = np.zeros((block.size, len(b)))
        for m, (c, source) in enumerate(zip(mix, block.sources, strict=True)):
            if c:
                rows = source.psi(passes.family, b)
                if m in means:
                    rows = _filled(block, source, rows, shares[m], means[m])
                total += c * rows
        return total

    return rows_of


def _side_means(passes: Passes, b: Array, m: int) -> Array:
    """Means (2, p) of source m's scores over the labelled and the unlabelled units that it answered for."""
    sums, sizes = np.zeros((2, len(b))), np.zeros(2)
    for block in passes:
        sides = ((block.overlap[m], block.weight), (block.sources[m], block.rest_weight))
        for side, (rows, weight) in enumerate(sides):
            w = np.ones(len(rows.y)) if weight is None else weight
            w = w if rows.seen is None else w * rows.seen
            sums[side] += rows.sums(passes.family, b, weight)[0]
            sizes[side] += w.sum()
    return np.asarray(sums / sizes[:, None])


def _filled(block: Block, source: Rows, rows: Array, share: tuple[float, float], means: Array) -> Array:
    """Rows whose mean over a side is the observed one's, and whose variance is that of a mean over the observed."""
    mean = np.where(block.labelled[:, None], means[0], means[1])
    if source.seen is None:
        return np.asarray(mean + (rows - mean) / np.where(block.labelled, *share)[:, None])
    return np.asarray(mean + (source.seen / np.where(block.labelled, *share))[:, None] * (rows - mean))
