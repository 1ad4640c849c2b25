"""Are the labelled units like the others in what is known of all? One chi-squared test for every labelling."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from moored.inference.data import Array
from moored.inference.solve.gram import Gram
from moored.inference.solve.newton import dependent_column, solve_scaled
from moored.inference.solve.passes import Block, Passes


def balance(passes: Passes, rows_of: Callable[[Block], Array], k: int) -> float | None:
    """d' Var(d)^-1 d with d = sum_t (w_t - rate) h_t, where rate = n / T makes the two sides comparable.

    `rows_of(block)` gives h (m, k), of mean 0 over all units. Under random labelling d is asymptotically normal
    with mean 0 and the form chi-squared with k degrees of freedom, k the rank of its variance. None where that
    is singular.
    """
    gram, d = Gram(passes, k), np.zeros(k)
    rate = _labelled_weight(passes) / passes.counts.total
    for block in passes:
        w = np.zeros(block.size)
        w[block.labelled] = 1.0 if block.weight is None else block.weight
        rows = rows_of(block) * (w - rate)[:, None]
        d += rows.sum(axis=0)
        codes = block.cluster if block.cluster is not None else block.strata
        gram.add(rows[block.labelled], rows[~block.labelled], 0, codes, block.labelled)
    V = gram.value()
    if dependent_column(V) is not None:
        return None
    return float(d @ solve_scaled(V, d))


def _labelled_weight(passes: Passes) -> float:
    return sum(float(len(block.human.y) if block.weight is None else block.weight.sum()) for block in passes)
