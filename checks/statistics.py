"""The few tests and indices that the checks use, as functions of arrays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

LEAST_IN_A_TEST = 20
"""Units on each side below which the rank test is not asked."""


@dataclass(frozen=True, slots=True)
class Labelling:
    """Which units were labelled, and by what design: the null law of every test of this module."""

    labelled: Mask
    probability: Array | None = None
    """Known and unequal; None: every unit was as likely."""
    cluster: NDArray[np.int64] | None = None
    """Codes, where whole clusters were labelled; None: units were."""

    def differ(self, values: Array) -> float:
        """p-value: do labelled and unlabelled units differ in `values`? NaN where too few have one.

        Ranks against the randomisation of labels. Equal probabilities: Mann and Whitney's test, ties
        included. Unequal: the Horvitz-Thompson total of the centred ranks, t with n - 1 degrees of freedom.
        """
        from scipy import stats

        values, labelled, probability = self._blocks(values)
        n, total = int(labelled.sum()), len(values)
        if min(n, total - n) < LEAST_IN_A_TEST or np.ptp(values) == 0:
            return float("nan")
        ranks = stats.rankdata(values) - (total + 1) / 2
        if probability is None:
            variance = n * (total - n) / (total * (total - 1)) * float(ranks @ ranks)
            return float(2 * stats.norm.sf(abs(ranks[labelled].sum()) / np.sqrt(variance)))
        drawn = ranks[labelled] / probability[labelled]
        variance = float((drawn**2 * (1 - probability[labelled])).sum())
        return float(2 * stats.t.sf(abs(drawn.sum()) / np.sqrt(variance), n - 1)) if variance > 0 else 1.0

    def depend(self, event: Mask, among: Mask | None = None) -> float:
        """p-value: does the event depend on labelling? Fisher's exact test where units were drawn equally."""
        from scipy import stats

        rows = np.ones(len(event), np.bool_) if among is None else among
        if self.probability is not None or self.cluster is not None:
            return self.differ(np.where(rows, event.astype(float), np.nan))
        event, labelled = event[rows], self.labelled[rows]
        if not event.any() or event.all() or not labelled.any() or labelled.all():
            return float("nan")
        counts = np.array([[(event & side).sum(), (~event & side).sum()] for side in (labelled, ~labelled)])
        return float(stats.fisher_exact(counts).pvalue)

    def _blocks(self, values: Array) -> tuple[Array, Mask, Array | None]:
        """What was drawn: units, or clusters by their mean."""
        known = np.isfinite(values)
        values, labelled = values[known], self.labelled[known]
        probability = None if self.probability is None else self.probability[known]
        if self.cluster is None:
            return values, labelled, probability
        _, codes = np.unique(self.cluster[known], return_inverse=True)
        size = np.maximum(np.bincount(codes), 1)
        share = None if probability is None else np.bincount(codes, probability) / size
        return np.bincount(codes, values) / size, np.bincount(codes, labelled) > 0, share


def correlation_interval(x: Array, y: Array) -> tuple[float, float, float]:
    """Pearson's correlation with its 95% interval by Fisher's z. NaN where it is not defined."""
    if len(x) < 4 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan"), float("nan"), float("nan")
    r = float(np.clip(np.corrcoef(x, y)[0, 1], -1, 1))
    z = np.arctanh(np.clip(r, -1 + 1e-12, 1 - 1e-12))
    half = 1.959963984540054 / np.sqrt(len(x) - 3)
    return r, float(np.tanh(z - half)), float(np.tanh(z + half))


def wilson_interval(hits: int, n: int) -> tuple[float, float]:
    """95% interval of a share (Wilson 1927)."""
    z = 1.959963984540054
    centre = (hits + z * z / 2) / (n + z * z)
    half = z * np.sqrt(hits * (n - hits) / n + z * z / 4) / (n + z * z)
    return float(centre - half), float(centre + half)


def stability_index(before: Array, after: Array) -> float:
    """Population stability index over at most ten bins of `before`, less what chance alone would give."""
    edges = np.unique(np.quantile(before, np.linspace(0.1, 0.9, 9)))
    if len(np.unique(before)) <= 10:
        values = np.unique(np.concatenate([before, after]))
        edges = (values[1:] + values[:-1]) / 2
    bins = len(edges) + 1
    shares = [
        (np.bincount(np.searchsorted(edges, side), minlength=bins) + 0.5) / (len(side) + 0.5 * bins)
        for side in (before, after)
    ]
    raw = float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())
    return max(0.0, raw - (bins - 1) * (1 / len(before) + 1 / len(after)))


def entropy(items: Iterable[Any]) -> float:
    """Shannon's entropy of the items' frequencies, in bits."""
    counts = np.fromiter(Counter(items).values(), np.float64)
    shares = counts / counts.sum() if len(counts) else counts
    return float(-(shares * np.log2(shares)).sum())
