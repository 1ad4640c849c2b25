"""The variance of a labelled total over draws of the labels alone: what the corpus as target asks for.

With the corpus fixed, an estimator's error is sum over labelled t of w_t c_t, less what does not change, where c_t
is the part of the human score that the sources leave unexplained. Only who was labelled is random:

    simple random sample    (1 - n/T) sum (c_t - mean)(c_t - mean)'              (Cochran 1977, section 2.6)
    strata                  the same within each, (1 - pi_s) w_s^2 n_s / (n_s - 1)
    known probabilities     sum (1 - pi_t) w_t^2 c_t c_t'                         (independent draws)
    clusters                as of a simple random sample, of the clusters' totals
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from moored.inference.data import Array
from moored.inference.solve.passes import Block, Passes


class Drawing:
    """Accumulates the rows w_t c_t (n, k) of the labelled units, block by block."""

    def __init__(self, passes: Passes, k: int) -> None:
        counts = passes.counts
        self.overall = counts.mean_probability or counts.labelled / counts.total
        self.clustered, self.stratified = passes.clustered, passes.stratified
        self.known = False  # unequal probabilities: units were drawn independently, and nothing is centred
        self._rows: list[Array] = []
        self._codes: list[NDArray[Any]] = []
        self.products, self.sums, self.size = np.zeros((k, k)), np.zeros(k), 0

    def add(self, block: Block, rows: Array) -> None:
        """The labelled units of one block."""
        weight = np.ones(len(rows)) if block.weight is None else block.weight
        self.known = self.known or (block.weight is not None and not self.stratified)
        missed = np.sqrt(np.maximum(1.0 - self.overall / weight, 0.0))[:, None] * rows
        codes = block.cluster if self.clustered else block.strata
        if codes is not None and (self.clustered or self.stratified):
            self._rows.append(missed)
            self._codes.append(codes[block.labelled])
            return
        self.products += missed.T @ missed
        self.sums += missed.sum(axis=0)
        self.size += len(rows)

    def value(self) -> Array:
        """The variance (k, k)."""
        if not self._rows:
            mean = np.zeros_like(self.sums) if self.known else self.sums / max(self.size, 1)
            return np.asarray(self.products - self.size * np.outer(mean, mean))
        rows = np.concatenate(self._rows)
        _, code = np.unique(np.concatenate(self._codes), return_inverse=True)
        size = np.bincount(code).astype(np.float64)
        totals = np.zeros((len(size), rows.shape[1]))
        np.add.at(totals, code, rows)
        if self.clustered:
            centred = totals if self.known else totals - totals.mean(axis=0)
            return np.asarray(centred.T @ centred)
        means = (
            np.where(size > 1, 1.0, 0.0)[:, None] * totals / size[:, None]
        )  # one unit has no mean of its own
        grown = np.sqrt(size / np.maximum(size - 1.0, 1.0))
        centred = (rows - means[code]) * grown[code][:, None]
        return np.asarray(centred.T @ centred)
