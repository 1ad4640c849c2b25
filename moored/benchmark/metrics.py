"""From answers to a table: one row per task, family, design, label fraction, estimator and term."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from moored.benchmark.trials import Cell, joined
from moored.inference.data import Array

BAND = 0.99
"""Share of the coverages of a valid interval that lie within its binomial band."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What the estimates are held against: the regression on every human label of the corpus, (p,)."""

    terms: tuple[str, ...]
    values: Array


def summarise(
    cells: Sequence[Cell], truths: Mapping[tuple[str, str], Truth], level: float
) -> list[dict[str, Any]]:
    """Rows of `benchmark_results`, over the trials in which the estimator has an answer.

    A trial in which it raises is counted in `failed`, and its errors are named in `failures`. `mse_ratio`,
    `effective_n` = n mse_human / mse and `labels_saved` = 1 - n / effective_n compare with `human` over the trials
    that both have answered; `claimed_n` is the mean of the effective n that the fits themselves report.
    """
    whole = joined(cells)
    humans = {cell.key[:4]: cell for cell in whole if cell.estimator == "human"}
    rows = []
    for cell in whole:
        truth = truths[cell.task, cell.family]
        for place, term in enumerate(truth.terms):
            rows.append(_row(cell, humans.get(cell.key[:4]), term, place, float(truth.values[place]), level))
    return rows


def _row(cell: Cell, human: Cell | None, term: str, place: int, truth: float, level: float) -> dict[str, Any]:
    answers = cell.answers
    estimate, lower, upper = (values[:, place] for values in (answers.estimate, answers.lower, answers.upper))
    found = np.isfinite(estimate)
    error = estimate[found] - truth
    count = len(error)
    hits = int(((lower[found] <= truth) & (truth <= upper[found])).sum())
    ratio = _ratio(estimate - truth, human, place, truth)
    low, high = band(count, level)
    return {
        "task": cell.task,
        "family": cell.family,
        "design": cell.design,
        "fraction": cell.fraction,
        "estimator": cell.estimator,
        "term": term,
        "n": cell.n,
        "truth": truth,
        "trials": len(estimate),
        "failed": len(estimate) - count,
        "failures": _named(cell),
        "mse": _mean(error**2),
        "bias": _mean(error),
        "coverage": hits / count if count else None,
        "band_low": low,
        "band_high": high,
        "width": _mean((upper - lower)[found]),
        "mse_ratio": ratio,
        "effective_n": None if ratio is None else cell.n / ratio,
        "labels_saved": None if ratio is None else 1.0 - ratio,
        "claimed_n": _mean(answers.effective_n[found, place]),
    }


def _ratio(error: Array, human: Cell | None, place: int, truth: float) -> float | None:
    if human is None:
        return None
    theirs = human.answers.estimate[:, place] - truth
    both = np.isfinite(error) & np.isfinite(theirs)
    whole = float((theirs[both] ** 2).sum())
    return float((error[both] ** 2).sum()) / whole if whole > 0 else None


def _mean(values: Array) -> float | None:
    mean = float(values.mean()) if len(values) else float("nan")
    return mean if np.isfinite(mean) else None


def _named(cell: Cell) -> list[str]:
    counted = Counter(failure.error for failure in cell.answers.failures)
    return [f"{count} {name}" for name, count in sorted(counted.items())]


@cache
def band(trials: int, level: float) -> tuple[float | None, float | None]:
    """The central BAND of the coverage that intervals of that level have by chance in so many trials."""
    from scipy.stats import binom

    if trials == 0:
        return None, None
    tail = (1.0 - BAND) / 2.0
    return float(binom.ppf(tail, trials, level)) / trials, float(
        binom.ppf(1.0 - tail, trials, level)
    ) / trials


def timings(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Rows of `benchmark_timings`: fits, how many of them the ordinary estimator did, CPU seconds."""
    groups: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in cells:
        groups.setdefault((cell.task, cell.family, cell.estimator), []).append(cell)
    return [
        {
            "task": task,
            "family": family,
            "estimator": estimator,
            "fits": sum(len(cell.answers.regular) for cell in group),
            "ordinary": sum(int((~cell.answers.regular).sum()) for cell in group),
            "cpu_seconds": sum(cell.seconds for cell in group),
        }
        for (task, family, estimator), group in groups.items()
    ]
