"""The trials of one task: draws, the same for every method, and what each method says of each.

Trial t draws with numpy's SeedSequence(seed).spawn(trials)[t], a child that does not depend on how many there are:
first the corpus (with replacement and as large as the task says, in the design "redrawn"), then an order of its
units, whose first n are labelled. So labelled sets are nested over label fractions, and the same for both families
and for every method.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moored.benchmark.corpus import Corpus, drawn
from moored.benchmark.custom import named_estimators
from moored.inference import ESTIMATORS
from moored.inference.estimators import possible
from moored.inference.stacked import Answers, Draws, fit_draws

DESIGNS = ("redrawn", "fixed")
AT_ONCE = 50
"""Trials of one piece of work: a constant, so that results do not depend on the number of workers."""


@dataclass(frozen=True, slots=True)
class TrialPlan:
    """What to run on every task. Label fractions are shares of the corpus."""

    trials: int = 200
    seed: int = 2025
    fractions: tuple[float, ...] = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
    estimators: tuple[str, ...] = ()
    """Names of `ESTIMATORS`, or `file.py:function`."""
    designs: tuple[str, ...] = DESIGNS
    level: float = 0.95


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """The trials from `first` to before `last` of one task and family: what one worker does at a time."""

    corpus: Corpus
    family: str
    plan: TrialPlan
    estimators: tuple[str, ...]
    first: int
    last: int


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """One method's answers in some trials of a task, family, design and label fraction; CPU seconds for all."""

    task: str
    family: str
    design: str
    fraction: float
    n: int
    estimator: str
    answers: Answers
    seconds: float

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells cells apart, trials aside."""
        return (self.task, self.family, self.design, self.fraction, self.estimator)


def pieces(corpora: Sequence[Corpus], plan: TrialPlan) -> list[Piece]:
    """The whole work, in pieces of at most AT_ONCE trials."""
    return [
        Piece(corpus, family, plan, usable(corpus, plan), first, min(first + AT_ONCE, plan.trials))
        for corpus in corpora
        for family in corpus.task.families
        for first in range(0, plan.trials, AT_ONCE)
    ]


def usable(corpus: Corpus, plan: TrialPlan) -> tuple[str, ...]:
    """The plan's estimators, or all, without those whose kind of source the task does not have."""
    kinds = {source.kind for source in corpus.sample.sources}
    asked = plan.estimators or tuple(ESTIMATORS)
    return tuple(name for name in asked if possible(name, kinds, repeats=False))


def run_piece(piece: Piece) -> list[Cell]:
    """Draw and fit the trials of a piece."""
    plan, task = piece.plan, piece.corpus.task
    children = np.random.SeedSequence(plan.seed).spawn(plan.trials)[piece.first : piece.last]
    cells = []
    with named_estimators(piece.estimators) as names:
        for design in designs_of(piece):
            orders = [order(piece.corpus.sample.n_total, child, design, task.redraw) for child in children]
            for fraction, draws in _draws(piece, orders):
                for name in names:
                    begun = time.thread_time()
                    answers = fit_draws(name, draws, piece.family, level=plan.level)
                    seconds = time.thread_time() - begun
                    cells.append(
                        Cell(task.name, piece.family, design, fraction, draws.n, name, answers, seconds)
                    )
    return cells


def designs_of(piece: Piece) -> tuple[str, ...]:
    """The plan's designs; a task that is redrawn larger than it is has no corpus to hold fixed."""
    whole = piece.corpus.task.redraw is None
    return tuple(design for design in piece.plan.designs if whole or design == "redrawn")


def order(T: int, child: np.random.SeedSequence, design: str, redraw: int | None = None) -> NDArray[np.intp]:
    """The units of one trial, those to label first: (T,), or (redraw,) in the design "redrawn"."""
    rng = np.random.default_rng(child)
    redrawn = rng.integers(T, size=redraw or T)
    shuffled = rng.permutation(len(redrawn))
    return redrawn[shuffled] if design == "redrawn" else shuffled


def _draws(piece: Piece, orders: list[NDArray[np.intp]]) -> Iterator[tuple[float, Draws]]:
    sample = piece.corpus.sample
    for fraction in piece.plan.fractions:
        n = round(fraction * len(orders[0]))
        yield fraction, Draws.of([drawn(sample, rows, n) for rows in orders])


def joined(cells: Sequence[Cell]) -> list[Cell]:
    """Cells of the same key as one, trials in the order given."""
    groups: dict[tuple[Any, ...], list[Cell]] = {}
    for cell in cells:
        groups.setdefault(cell.key, []).append(cell)
    return [_one(group) for group in groups.values()]


def _one(group: list[Cell]) -> Cell:
    first = group[0]

    def together(name: str) -> Any:
        return np.concatenate([getattr(cell.answers, name) for cell in group])

    answers = Answers(
        together("estimate"),
        together("lower"),
        together("upper"),
        together("effective_n"),
        together("j_p_value"),
        together("regular"),
        tuple(failure for cell in group for failure in cell.answers.failures),
    )
    seconds = sum(cell.seconds for cell in group)
    return Cell(
        first.task, first.family, first.design, first.fraction, first.n, first.estimator, answers, seconds
    )
