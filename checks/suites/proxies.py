"""What the model reads, against what humans say and against its own other readings."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from checks.check import Check, Measure, at_least, at_most
from checks.statistics import correlation_interval, wilson_interval
from checks.view import View
from moored.plaintext import counted

CHECKS: tuple[Check, ...] = (
    at_least(
        "agreement",
        "min_agreement",
        "the lower end of the 95% interval of the correlation with the human labels",
        "such a source saves no labels: try another prompt, more examples or a stronger model",
    ),
    at_most(
        "balance",
        "max_balance_gap",
        "the gap between the mean reading and the mean human label, as a share of the scale",
        "the estimate corrects it, but prompt and raters mean different things: compare their wording",
    ),
    at_most(
        "sources-differ",
        "max_same_source_share",
        "the share of units that two sources answer with the same value",
        "a copy of a source adds nothing: drop one",
    ),
    at_most(
        "values-vary",
        "max_same_value_share",
        "the share of the commonest value",
        "a source that always says the same saves no labels: try another prompt or model",
    ),
)


def measures(view: View) -> Iterator[Measure]:
    """Agreement, balance and variety of every reading."""
    readings = list(view.readings())
    for source, variable, values in readings:
        subject = f"{source}: {variable}"
        known = values[np.isfinite(values)]
        if len(known):
            _, counts = np.unique(known, return_counts=True)
            yield Measure("values-vary", subject, counts.max() / len(known))
        yield from _against_labels(view, subject, variable, values)
    for (one, variable, left), (two, other, right) in combinations(readings, 2):
        both = np.isfinite(left) & np.isfinite(right)
        if variable == other and both.any():
            same = float(np.mean(left[both] == right[both]))
            yield Measure("sources-differ", f"{one} and {two}: {variable}", same)


def _against_labels(
    view: View, subject: str, variable: str, values: NDArray[np.float64]
) -> Iterator[Measure]:
    human = view.human(variable)
    both = view.labelled & np.isfinite(values) & np.isfinite(human)
    r, lower, upper = correlation_interval(values[both], human[both])
    if not np.isfinite(r):
        note = (
            f"{counted(int(both.sum()), 'labelled unit has', 'labelled units have')} a reading, or all "
            "have the same"
        )
        yield Measure("agreement", subject, float("nan"), note=note)
    else:
        note = (
            f"correlation {r:.2f} [{lower:.2f}, {upper:.2f}] on {counted(int(both.sum()), 'labelled unit')}"
        )
        yield Measure("agreement", subject, lower, note=note + _accuracy(values[both], human[both]))
    worth = list(view.study.questions[variable].answers.values())
    scale = max(*worth, *human[both]) - min(worth)
    if both.any() and scale > 0:
        means = float(values[both].mean()), float(human[both].mean())
        note = f"the source says {means[0]:.3g} on average, humans {means[1]:.3g}"
        yield Measure("balance", subject, abs(means[0] - means[1]) / float(scale), note=note)


def _accuracy(values: NDArray[np.float64], human: NDArray[np.float64]) -> str:
    """Share of equal labels with Wilson's interval, where both are 0 or 1 after rounding."""
    if not np.isin(human, (0.0, 1.0)).all() or values.min() < 0 or values.max() > 1:
        return ""
    hits = int(((values >= 0.5) == (human == 1)).sum())
    lower, upper = wilson_interval(hits, len(human))
    return f"; {hits} of {len(human)} labels {'agrees' if hits == 1 else 'agree'} [{lower:.2f}, {upper:.2f}]"
