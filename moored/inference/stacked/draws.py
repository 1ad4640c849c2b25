"""Many draws of one size, stacked: the data of `moored.inference.data` with a leading axis of draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moored.errors import DataInvalid
from moored.inference.data import Array, Kind, Mask, Sample, Source
from moored.inference.events import FEW_EVENTS
from moored.inference.families import Linear
from moored.inference.moments import Moments
from moored.inference.solve.frame import needs_frame


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Outcomes y (B, m) and covariates X (B, m, p) of m units in each of B draws."""

    y: Array
    X: Array


@dataclass(frozen=True, slots=True, eq=False)
class StackedSource:
    """One source: its labelled units, its remaining units, and in which draws every unit is observed.

    A unit whose generation failed has covariates of zero, and so a moment of zero. `seen` is 0 there, for the
    labelled (B, n) and the others (B, N); None where nothing failed.
    """

    name: str
    kind: Kind
    labelled: Rows
    rest: Rows
    whole: Mask
    seen: tuple[Array, Array] | None = None

    def share(self, side: int) -> Array:
        """(B,) the share of the labelled (0) or of the other units (1) that the source answered for."""
        return np.ones(len(self.whole)) if self.seen is None else self.seen[side].mean(axis=1)

    def filled(self, rows: Array, side: int) -> Array:
        """Rows (B, m, k), failed units at zero, with the mean and the variance of the observed ones'."""
        if self.seen is None:
            return rows
        share = self.share(side)[:, None]
        mean = (rows.mean(axis=1) / share)[:, None]
        return np.asarray(mean + (self.seen[side] / share)[..., None] * (rows - mean))


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """B draws of T units, n of them labelled in each.

    Attributes
    ----------
    human : the labelled units' own data, n a draw.
    sources : M of them.
    n, T : labelled units, units.
    samples : the draws one by one, as the ordinary estimators take them.
    """

    human: Rows
    sources: tuple[StackedSource, ...]
    n: int
    T: int
    samples: Sequence[Sample]

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> Draws:
        """Stack samples of one size, without clusters, strata or unequal probabilities. Errors: `DataInvalid`."""
        first = samples[0]
        n, T = first.n_labelled, first.n_total
        for sample in samples:
            if (sample.n_labelled, sample.n_total) != (n, T):
                raise DataInvalid(f"Draws must be of one size; got {n} of {T} labelled, and another.")
            if not (sample.probability is None and sample.cluster is None and sample.strata is None):
                raise DataInvalid(
                    "Draws are simple random samples: no probabilities, clusters or strata; fit them one by one."
                )
        inside = np.stack([np.flatnonzero(sample.labelled) for sample in samples])
        outside = np.stack([np.flatnonzero(~sample.labelled) for sample in samples])
        human = _taken([sample.y for sample in samples], [sample.X for sample in samples], inside)
        sources = tuple(
            _stacked([sample.sources[m] for sample in samples], inside, outside)
            for m in range(len(first.sources))
        )
        return cls(human, sources, n, T, samples)

    @property
    def size(self) -> int:
        """B."""
        return len(self.human.y)

    def regular(self, family: Moments) -> Mask:
        """(B,) the draws whose labels vary and whose sources answered enough; the others are settled one by one."""
        y, p = self.human.y, self.human.X.shape[-1]
        varied = (np.ptp(y, axis=1) > 0) & ~needs_frame(self.human.X)
        if isinstance(family, Linear):
            varied &= ~needs_frame(y[..., None])
        for seen in (side for source in self.sources if source.seen is not None for side in source.seen):
            varied &= (seen.sum(axis=1) > p) | seen.all(axis=1)
        if not (isinstance(family, Linear) and self.human.X.shape[-1] == 1):
            return np.asarray(varied)
        rarer = np.minimum((y == 0).sum(axis=1), (y == 1).sum(axis=1))
        return np.asarray(varied & ((rarer >= FEW_EVENTS) | ~((y == 0) | (y == 1)).all(axis=1)))

    def kept(self, kind: Kind | None) -> tuple[StackedSource, ...]:
        """The sources of one kind, or all."""
        return tuple(source for source in self.sources if kind in (None, source.kind))


def _stacked(sources: list[Source], inside: NDArray[Any], outside: NDArray[Any]) -> StackedSource:
    y, X, whole = [], [], []
    for source in sources:
        seen = source.observed
        whole.append(seen is None or bool(seen.all()))
        # what failed is given a legal outcome and no covariates
        y.append(
            source.y if seen is None else np.where(seen, source.y, source.y[seen][0] if seen.any() else 0.0)
        )
        X.append(source.X if seen is None else np.where(seen[:, None], source.X, 0.0))
    first = sources[0]
    sides = None
    if not all(whole):
        every = [np.ones(len(s.y)) if s.observed is None else s.observed.astype(np.float64) for s in sources]
        sides = (_stack(every, inside), _stack(every, outside))
    return StackedSource(
        first.name,
        first.kind,
        _taken(y, X, inside),
        _taken(y, X, outside),
        np.array(whole, dtype=bool),
        sides,
    )


def _stack(values: list[Array], at: NDArray[Any]) -> Array:
    return np.stack([one[rows] for one, rows in zip(values, at, strict=True)])


def _taken(y: list[Array], X: list[Array], at: NDArray[Any]) -> Rows:
    return Rows(_stack(y, at), _stack(X, at))
