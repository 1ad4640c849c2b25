"""Passes over the data: a sample in memory is one chunk, a file is many, and the estimators see only sums.

A chunk is a `Sample`; a stream is a function that starts a new iteration over its chunks each time it is
called. Nothing here keeps a chunk longer than its turn, so T is bounded by disk and not by memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moored.errors import DataInvalid, NoLabels
from moored.inference.data import Array, Mask, Sample, Source
from moored.inference.families import refuse_no_constant
from moored.inference.moments import Moments
from moored.inference.solve.frame import Frame, frame_of, unmoved
from moored.inference.solve.tally import Counts, Tally

Stream = Callable[[], Iterable[Sample]]


@dataclass(frozen=True, slots=True)
class Rows:
    """Outcomes (m,) and covariates (m, p) of some units; `seen` (m,) is 0 where a generation failed."""

    y: Array
    X: Array
    seen: Array | None = None

    def sums(self, family: Moments, b: Array, w: Array | None) -> tuple[Array, Array]:
        """Weighted sums of psi and of its Jacobian, failed units at zero."""
        return family.sums(self.y, self.X, b, self._mask(w))

    def psi(self, family: Moments, b: Array) -> Array:
        """psi of each unit (m, k), failed units at zero."""
        rows = family.psi(self.y, self.X, b)
        return rows if self.seen is None else rows * self.seen[:, None]

    def start(self, family: Moments, w: Array | None) -> tuple[Array, Array]:
        """Normal equations of the starting value, failed units left out."""
        return family.start(self.y, self.X, self._mask(w))

    def take(self, rows: NDArray[Any]) -> Rows:
        """Some of the rows."""
        return Rows(self.y[rows], self.X[rows], None if self.seen is None else self.seen[rows])

    def _mask(self, w: Array | None) -> Array | None:
        if self.seen is None:
            return w
        return self.seen if w is None else w * self.seen


@dataclass(frozen=True, slots=True)
class Block:
    """One chunk, made ready.

    Attributes
    ----------
    labelled : (m,) S_t.
    weight : (n,) S_t pi_bar / pi_t of the labelled units; None: all 1.
    design : (m,) pi_bar / pi_t of every unit; None: all 1.
    human : the labelled units' own data.
    sources : every unit's data, one entry per source.
    overlap : the same of the labelled units alone.
    rest_weight : (m,) (1 - S_t)(1 - pi_bar) / (1 - pi_t), for methods that compare labelled with unlabelled.
    cluster, strata : (m,) codes, or None.
    """

    labelled: Mask
    weight: Array | None
    design: Array | None
    human: Rows
    sources: tuple[Rows, ...]
    overlap: tuple[Rows, ...]
    rest_weight: Array
    cluster: NDArray[Any] | None
    strata: NDArray[Any] | None

    @property
    def size(self) -> int:
        """m, the number of units."""
        return len(self.labelled)

    @property
    def design_by_side(self) -> tuple[Array, Array] | None:
        """`design` of the labelled (1, n) and of the other units (1, N), as one draw."""
        if self.design is None:
            return None
        return self.design[self.labelled][None], self.design[~self.labelled][None]


class Passes:
    """A sample or a stream, ready to be gone through as often as an estimator needs.

    Parameters
    ----------
    data : a Sample, or a function that returns a fresh iterable of Sample chunks.
    family : the moments, whose domain the outcomes are checked against.
    scaled : columns far from zero are centred and scaled; `frame` maps the answer back.
    """

    def __init__(self, data: Sample | Stream, family: Moments, *, scaled: bool = False) -> None:
        self.family = family
        self._frame: Frame | None = None
        self._stream: Stream = (lambda: (data,)) if isinstance(data, Sample) else data
        self.in_memory = isinstance(data, Sample)
        if not (self.in_memory or family.smooth):
            raise DataInvalid(
                f"{family.name} needs the sample in memory; give a Sample, not a stream of them."
            )
        first = data if isinstance(data, Sample) else next(iter(self._stream()), None)
        if first is None:
            raise NoLabels("The data have no rows; give at least one labelled unit.")
        self.terms = family.parameters(first.terms)
        self.recipes = tuple((source.name, source.kind) for source in first.sources)
        self.begins_with_ones_and_zeros = bool(np.isin(first.y[first.labelled], (0.0, 1.0)).all())
        self._frame = frame_of(first, family) if scaled else None
        self.clustered = first.cluster is not None
        self.stratified = first.strata is not None
        self._counts: Counts | None = None
        self._held: tuple[Block, ...] | None = None
        if self.in_memory or self.stratified or first.probability is not None:
            self._counts = self._count()  # weights need the totals before the first pass
        if self.in_memory:
            self._held = tuple(self._block(chunk) for chunk in self._stream())

    def __iter__(self) -> Iterator[Block]:
        """One pass."""
        return iter(self._held) if self._held is not None else self._blocks()

    def _blocks(self) -> Iterator[Block]:
        tally = Tally(self.recipes)
        for chunk in self._stream():
            tally.add(chunk)
            yield self._block(chunk)
        if self._counts is None:
            self._counts = tally.counts()

    @property
    def frame(self) -> Frame:
        """Maps what is computed of these passes back to the data's own columns."""
        return unmoved(len(self.terms)) if self._frame is None else self._frame

    @property
    def moved(self) -> bool:
        """Whether the frame changes anything."""
        return self._frame is not None

    @property
    def names(self) -> tuple[str, ...]:
        """The sources' names."""
        return tuple(name for name, _ in self.recipes)

    @property
    def counts(self) -> Counts:
        """T, n and the like. Free after a first pass over a stream, otherwise a pass of its own.

        Raises NoLabels where no unit is labelled.
        """
        if self._counts is None:
            self._counts = self._count()
        if self._counts.labelled == 0:
            raise NoLabels(f"None of the {self._counts.total} units is labelled; label some at random.")
        return self._counts

    def _count(self) -> Counts:
        tally = Tally(self.recipes)
        for chunk in self._stream():
            tally.add(chunk)
        return tally.counts()

    def _block(self, chunk: Sample) -> Block:
        where = np.flatnonzero(chunk.labelled)
        human = Rows(chunk.y[where], chunk.X[where])
        self.family.check(human.y, "The human labels")
        refuse_no_constant(self.family, human.X, "The human labels")
        human = self._framed(human)
        sources = tuple(self._rows(source) for source in chunk.sources)
        design, rest_weight = self._weights(chunk)
        return Block(
            labelled=chunk.labelled,
            weight=None if design is None else design[where],
            design=design,
            rest_weight=rest_weight,
            human=human,
            sources=sources,
            overlap=tuple(rows.take(where) for rows in sources),
            cluster=chunk.cluster,
            strata=self._pooled(chunk.strata),
        )

    def _pooled(self, strata: NDArray[Any] | None) -> NDArray[Any] | None:
        """The strata within which variance is counted: one with a single labelled unit says nothing of its own."""
        if strata is None or self._counts is None or not self._counts.lonely:
            return strata
        values, inverse = np.unique(strata, return_inverse=True)
        into = [self._counts.lonely.get(code, code) for code in values.tolist()]
        return np.asarray(into, dtype=strata.dtype)[inverse]

    def _rows(self, source: Source) -> Rows:
        if source.observed is None or bool(source.observed.all()):
            self.family.check(source.y, f"Source {source.name!r}")
            refuse_no_constant(self.family, source.X, f"Source {source.name!r}")
            return self._framed(Rows(source.y, source.X))
        self.family.check(source.y[source.observed], f"Source {source.name!r}")
        kept = source.observed
        refuse_no_constant(self.family, source.X[kept], f"Source {source.name!r}")
        fill = float(source.y[kept][0]) if kept.any() else 0.0
        y, X = np.where(kept, source.y, fill), np.where(kept[:, None], source.X, 0.0)
        return self._framed(Rows(y, X, kept.astype(np.float64)))

    def _framed(self, rows: Rows) -> Rows:
        if self._frame is None:
            return rows
        y, X = self._frame.columns(rows.y, rows.X)
        return Rows(y, X, rows.seen)

    def _weights(self, chunk: Sample) -> tuple[Array | None, Array]:
        """pi_bar / pi_t (None: all 1), and what counts the unlabelled units; pi_t is n_s / N_s under strata."""
        rest = (~chunk.labelled).astype(np.float64)
        if self._counts is None or (chunk.probability is None and chunk.strata is None):
            return None, rest
        counts = self.counts
        if chunk.probability is not None and counts.mean_probability is not None:
            overall, pi = counts.mean_probability, chunk.probability
        elif chunk.strata is not None and counts.rates is not None:
            overall = counts.labelled / counts.total
            values, inverse = np.unique(chunk.strata, return_inverse=True)
            pi = np.array([counts.rates[code] for code in values.tolist()])[inverse]
        else:
            return None, rest
        if bool(np.allclose(pi, overall, rtol=1e-13, atol=0)):
            return None, rest
        left = np.where(chunk.labelled, 1.0, 1.0 - pi)
        return overall / pi, rest * (1.0 - overall) / left


def with_sources(data: Sample | Stream, wanted: Callable[[Source], bool]) -> Sample | Stream:
    """The same sample or stream with the sources for which `wanted` holds."""

    def pick(sample: Sample) -> Sample:
        return sample.with_sources(source for source in sample.sources if wanted(source))

    if isinstance(data, Sample):
        return pick(data)
    return lambda: (pick(chunk) for chunk in data())
