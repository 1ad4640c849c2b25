"""The labelled units alone, and model data taken at its word (docs/estimators.md)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from moored.errors import DataInvalid
from moored.inference.computed import Computed
from moored.inference.data import Array, Sample, Source
from moored.inference.events import few_events
from moored.inference.families import family_of, spelled
from moored.inference.gmm.estimator import as_fit
from moored.inference.gmm.first_step import refuse_unidentified, solved
from moored.inference.gmm.two_step import two_step
from moored.inference.laws import Alternative
from moored.inference.moments import Moments
from moored.inference.notes import with_notes
from moored.inference.results import Fit, Target
from moored.inference.solve.gram import Gram
from moored.inference.solve.newton import Equation, equation, inverse, solve_all
from moored.inference.solve.passes import Block, Passes, Rows, Stream, with_sources


@with_notes
def human(
    data: Sample | Stream,
    family: str | Moments = "ols",
    *,
    level: float = 0.95,
    alternative: Alternative = "two-sided",
    target: Target = "population",
    **_: Any,
) -> Fit:
    """The M-estimator on the labelled units alone, with its sandwich (HC0) variance."""
    passes = Passes(with_sources(data, lambda _: False), family_of(family), scaled=True)
    share = few_events(passes)
    if share is not None and few_events(Passes(data, passes.family)) is not None:
        return share.fit(passes, "human", level, alternative, target)
    return as_fit(two_step(passes), passes, "human", level, alternative, target=target)


@with_notes
def naive(
    data: Sample | Stream,
    family: str | Moments,
    *,
    name: str,
    wanted: Callable[[Source], bool],
    with_labels: bool = False,
    level: float = 0.95,
    alternative: Alternative = "two-sided",
) -> Fit:
    """Model data taken as if it were real: one fit to the stacked sources of all units.

    With `with_labels` the human labels are stacked on top. The variance is the sandwich of each unit's
    summed score, so it is honest about a unit that appears twice, and about nothing else: the error of a
    naive estimate is its bias, which no interval here covers.
    """
    kept = with_sources(data, wanted)
    passes = Passes(kept, family_of(family), scaled=True)
    if not passes.names:
        raise DataInvalid(f"{name} needs a source that the sample does not have; add one or drop {name}.")
    refuse_unidentified(passes)
    stacked = _stacked_equation(passes, name, with_labels)
    solve_all(passes, [stacked])
    theta = solved(stacked)
    k = len(theta)
    gram, H = Gram(passes, k, strata=False), np.zeros((k, k))
    for block in passes:
        scores = np.zeros((block.size, k))
        for rows, at, weight in _parts(block, with_labels):
            psi = rows.psi(passes.family, theta)
            scores[at] += psi if weight is None else psi * weight[:, None]
            H += rows.sums(passes.family, theta, weight)[1]
        gram.add(scores[block.labelled], scores[~block.labelled], 0, block.cluster, block.labelled)
    bread = inverse(H, name)
    return Computed(
        estimator=name,
        family=spelled(passes.family),
        terms=passes.terms,
        estimate=theta,
        covariance=bread @ gram.value() @ bread.T,
        frame=passes.frame,
        n_labelled=passes.counts.labelled,
        n_total=passes.counts.total,
        level=level,
        alternative=alternative,
        warnings=("model data taken at its word: its bias is in no interval",),
        sources=passes.names,
    ).fit()


def _parts(block: Block, with_labels: bool) -> list[tuple[Rows, Any, Array | None]]:
    parts: list[tuple[Rows, Any, Array | None]] = [(rows, slice(None), None) for rows in block.sources]
    if with_labels:
        parts.append((block.human, block.labelled, block.weight))
    return parts


def _stacked_equation(passes: Passes, name: str, with_labels: bool) -> Equation:
    family = passes.family

    def start(block: Block) -> tuple[Array, Array]:
        found = [rows.start(family, weight) for rows, _, weight in _parts(block, with_labels)]
        return sum(A for A, _ in found), sum(r for _, r in found)  # type: ignore[return-value]

    def sums(block: Block, b: Array) -> tuple[Array, Array]:
        found = [rows.sums(family, b, weight) for rows, _, weight in _parts(block, with_labels)]
        return sum(s for s, _ in found), sum(J for _, J in found)  # type: ignore[return-value]

    return equation(
        family,
        what=name,
        terms=passes.terms,
        start=start,
        sums=sums,
        target=np.zeros(len(passes.terms)),
    )
