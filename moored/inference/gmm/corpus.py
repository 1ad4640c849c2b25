"""The covariance of a two-step estimate around what all labels of this corpus would have given.

Linearised, the estimate is H^-1 sum over labelled of w_t (psi_t - (D_1 - D_2) h_t), less H^-1 D_2 times the sum
of h_t over all units, with D = (D_1, D_2) = B - B G V G' S^-1 of the second step. The corpus's own parameter and
the sum over all units do not change with who is labelled, so the error is that of the first sum alone. In the limit
D_1 - D_2 is the regression of psi on h: the variance tends to sigma^2 (1 - R2) (1/n - 1/T).
"""

from __future__ import annotations

from moored.inference.data import Array
from moored.inference.gmm.augmented import moment_rows
from moored.inference.gmm.two_step import TwoStep
from moored.inference.solve.drawing import Drawing
from moored.inference.solve.passes import Passes


def corpus_covariances(passes: Passes, found: TwoStep) -> tuple[Array, Array]:
    """Covariances (p, p) of the estimate and of the human-only one, over draws of the labels. One pass."""
    p, q = found.link.shape
    used = tuple(passes.names.index(name) for name in found.sources)
    mine, human = Drawing(passes, p), Drawing(passes, p)
    for block in passes:
        rows, _ = moment_rows(block, passes.family, found.human, found.first_etas, used)
        human.add(block, rows[:, :p])
        mine.add(block, rows[:, :p] - rows[:, p : p + q] @ found.link.T)
    return (
        found.bread @ mine.value() @ found.bread.T,
        found.first_bread @ human.value() @ found.first_bread.T,
    )
