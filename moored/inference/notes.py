"""What a reader must know of the data before any estimate: every fit carries it among its warnings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import wraps
from typing import Any, TypeVar, cast

from moored.inference.data import Sample
from moored.inference.results import Fit
from moored.inference.solve.passes import Stream
from moored.inference.solve.tally import Tally
from moored.plaintext import counted

FEW_CLUSTERS = 20
"""Fewer labelled clusters than these, counted as equal ones, give intervals that are too narrow."""

SURPRISE = 5.0
"""Standard deviations by which the number of labelled units may be off what their probabilities give."""

E = TypeVar("E", bound=Callable[..., Fit])


def with_notes(estimator: E) -> E:
    """The estimator, with `notes_of` its data at the end of its fit's warnings."""

    @wraps(estimator)
    def noted(data: Sample | Stream, *args: Any, **options: Any) -> Fit:
        if isinstance(data, Sample):
            fit, notes = estimator(data, *args, **options), notes_of(data)
        else:
            watch = _Watch(data)
            fit = estimator(watch, *args, **options)
            notes = watch.notes()
        return replace(fit, warnings=tuple(dict.fromkeys((*fit.warnings, *notes)))) if notes else fit

    return cast(E, noted)


class _Watch:
    """A stream that is counted while an estimator goes through it for the first time."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.first: Sample | None = None
        self.tally: Tally | None = None

    def __call__(self) -> Iterator[Sample]:
        tally: Tally | None = None
        for chunk in self.stream():
            if tally is None:
                self.first = chunk
                tally = Tally(tuple((source.name, source.kind) for source in chunk.sources))
            if self.tally is None and not (chunk.cluster is chunk.strata is chunk.probability is None):
                tally.add(chunk)
            yield chunk
        self.tally = self.tally or tally

    def notes(self) -> tuple[str, ...]:
        return () if self.first is None or self.tally is None else _notes(self.first, self.tally)


def notes_of(sample: Sample) -> tuple[str, ...]:
    """The sample's own notes, too few clusters, strata with a single labelled unit."""
    if sample.cluster is None and sample.strata is None and sample.probability is None:
        return sample.notes
    tally = Tally(tuple((source.name, source.kind) for source in sample.sources))
    tally.add(sample)
    return _notes(sample, tally)


def _notes(first: Sample, tally: Tally) -> tuple[str, ...]:
    notes, counts = list(first.notes), tally.counts()
    if first.cluster is not None and counts.effective < FEW_CLUSTERS:
        notes.append(
            f"{counted(counts.independent, 'labelled cluster')}, worth {counts.effective} of equal size, "
            "fewer than "
            f"{FEW_CLUSTERS}: intervals from so few are too narrow; label units of more clusters"
        )
    if first.cluster is None and counts.effective < min(FEW_CLUSTERS, counts.independent):
        notes.append(
            f"{counted(counts.labelled, 'labelled unit')}, worth {counts.effective} of equal weight, fewer than "
            f"{FEW_CLUSTERS}: a few weights decide the estimates, whose intervals are too narrow; look at the "
            "smallest labelling probabilities, and label more such units"
        )
    if first.cluster is None and counts.mean_probability is not None:
        expected = counts.mean_probability * counts.total
        if abs(counts.labelled - expected) > max(SURPRISE * counts.drawn_variance**0.5, 0.1 * expected):
            notes.append(
                f"the labelling probabilities give {expected:.0f} labelled units, and {counts.labelled} are: they "
                "are not those of this draw, unless all are off by the same factor; correct them, or say why"
            )
    if first.cluster is None and counts.lonely:
        one, named = len(counts.lonely) == 1, _named(counts.lonely)
        have, they_are = (f"stratum {named} has", "it is") if one else (f"strata {named} have", "they are")
        notes.append(
            f"{have} a single labelled unit, which says nothing of {'its' if one else 'their'} variance: "
            f"{they_are} "
            f"pooled in it, which errs on the wide side; label more of {'it' if one else 'each'}"
        )
    return tuple(notes)


def _named(codes: Any) -> str:
    listed = list(map(str, codes))
    return ", ".join(listed[:5]) + (", ..." if len(listed) > 5 else "")
