"""Sums of outer products of moments, g g', under the design by which units came and were labelled."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from moored.inference.data import Array, Mask
from moored.inference.solve.passes import Passes


class Gram:
    """Accumulates T Omega = sum_t g_t g_t' (k, k), block by block.

    Independent units: the sum over units. Clusters: the sum over clusters of the outer product of the
    cluster's total. Strata (labelled units drawn within each stratum): the variance within each stratum
    and labelling status, plus the outer products of the strata's means; labelling with known rates does
    not add the variance between strata that independent labelling would. The squares of a stratum's n_s labelled
    units about their mean are divided by n_s - 1 (Cochran 1977, section 5.4).
    """

    def __init__(self, passes: Passes, k: int, *, clusters: bool = True, strata: bool = True) -> None:
        self.total = np.zeros((k, k))
        self.grouping: str | None = None
        if clusters and passes.clustered:
            self.grouping = "cluster"
        elif strata and passes.stratified:
            self.grouping = "strata"
        hits = passes.counts.pooled if self.grouping == "strata" else {}
        self._grown = {code: float(np.sqrt(n / max(n - 1.0, 1.0))) for code, n in hits.items()}
        self._codes: list[NDArray[Any]] = []
        self._sums: list[Array] = []

    def add(self, rows: Array, rest: Array, offset: int, codes: NDArray[Any] | None, labelled: Mask) -> None:
        """One block: `rows` (n, k) of the labelled units, `rest` (m - n, r) of the others in the columns
        from `offset` on, `codes` (m,) of cluster or stratum, `labelled` (m,).
        """
        if self.grouping is None or codes is None:
            self.total += rows.T @ rows
            self.total[offset:, offset:] += rest.T @ rest
            return
        g = np.zeros((len(labelled), rows.shape[1]))
        g[labelled] = rows
        g[~labelled, offset:] = rest
        if self.grouping == "strata":
            g[labelled] *= np.array([self._grown[code] for code in codes[labelled].tolist()])[:, None]
            self.total += g.T @ g
            g = np.column_stack([g * labelled[:, None], g * ~labelled[:, None], labelled, ~labelled])
        values, inverse = np.unique(codes, return_inverse=True)
        sums = np.zeros((len(values), g.shape[1]))
        np.add.at(sums, inverse, g)
        self._codes.append(values)
        self._sums.append(sums)
        if sum(map(len, self._codes)) > 4 * len(self._codes[0]):
            self._merge()

    def value(self) -> Array:
        """T Omega (k, k)."""
        if self.grouping is None:
            return self.total
        self._merge()
        sums = self._sums[0]
        return sums.T @ sums if self.grouping == "cluster" else self._stratified(sums)

    def _merge(self) -> None:
        values, inverse = np.unique(np.concatenate(self._codes), return_inverse=True)
        stacked = np.concatenate(self._sums)
        sums = np.zeros((len(values), stacked.shape[1]))
        np.add.at(sums, inverse, stacked)
        self._codes, self._sums = [values], [sums]

    def _stratified(self, sums: Array) -> Array:
        k = len(self.total)
        omega = self.total.copy()
        sizes = sums[:, 2 * k :]
        for part in (0, 1):
            inside, size = sums[:, part * k : (part + 1) * k], sizes[:, part]
            mean = inside / np.maximum(size, 1.0)[:, None]
            omega -= (mean * size[:, None]).T @ mean
        grown = np.sqrt(sizes[:, 0] / np.maximum(sizes[:, 0] - 1.0, 1.0))
        whole = sums[:, :k] / np.where(grown > 0, grown, 1.0)[:, None] + sums[:, k : 2 * k]
        return np.asarray(omega + (whole / sizes.sum(axis=1)[:, None]).T @ whole)
