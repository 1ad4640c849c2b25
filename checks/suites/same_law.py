"""The tests of rules 2, 5, 6 and 7: are labelled and unlabelled units alike in what the model gave?

Each yields p-values. Every test of a run is held against checks.alpha over their number (Bonferroni), so
that a run in which nothing is wrong is stopped with probability checks.alpha at most.

A test whose source already failed an earlier one is not asked again: it would say the same.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from checks.check import Measure
from checks.statistics import LEAST_IN_A_TEST
from checks.view import View
from moored.errors import MooredError
from moored.inference.data import Sample
from moored.plaintext import counted

Array = NDArray[np.float64]

ORDER = (
    "labels-random",
    "missing-independent",
    "missing-independent-within",
    "j-source",
    "j-overall",
    "same-law",
    "readings-alike",
)
"""The tests of a run, as they are asked."""


def measures(view: View) -> Iterator[Measure]:
    """Every test's p-value, whatever the others say."""
    yield from known_of_all(view)
    yield from _missing(view)
    yield from _moments(view)
    yield from _relations(view)
    yield from _readings(view)


def decided(found: list[Measure], alpha: float) -> tuple[list[Measure], float]:
    """The tests that are asked, and the level of each: alpha over their number."""
    asked = sum(m.check in ORDER and np.isfinite(m.observed) for m in found)
    each = alpha / max(1, asked)
    failed: set[str] = set()
    tests: list[Measure] = []
    for check in ORDER:
        own = [_unless_known(m, failed) for m in found if m.check == check]
        failed.update(name for m in own if m.observed < each for name in m.sources)
        tests += own
    return [m for m in found if m.check not in ORDER] + tests, each


def _unless_known(test: Measure, failed: set[str]) -> Measure:
    known = sorted(failed.intersection(test.sources))
    if not known:
        return test
    note = f"{', '.join(known)} already failed another test"
    return Measure(test.check, test.subject, float("nan"), note=note, sources=test.sources)


def known_of_all(view: View) -> Iterator[Measure]:
    """Rule 7: are labelled and unlabelled units alike in what is known of all?"""
    labelling = view.labelling()
    lengths = view.raw_texts.lengths.astype(np.float64)
    for name, values in (("length of the text", lengths), *view.known_for_all()):
        p = labelling.differ(values)
        yield Measure("labels-random", name, p, note=_few(view, p) or _means(view, values))


def _missing(view: View) -> Iterator[Measure]:
    labelling = view.labelling()
    for source in (source.name for source in view.study.sources):
        missing = view.missing(source)
        p = labelling.depend(missing)
        shares = [
            float(missing[side].mean()) if side.any() else 0.0 for side in (view.labelled, ~view.labelled)
        ]
        note = f"missing are {shares[0]:.1%} of the labelled and {shares[1]:.1%} of the others"
        side = view.labelled if shares[0] > shares[1] else ~view.labelled
        yield Measure("missing-independent", source, p, view.ids(missing & side), note, (source,))
        for group, rows in _groups(view):
            p = labelling.depend(missing, rows)
            ids = view.ids(missing & rows)
            yield Measure("missing-independent-within", f"{source}, {group}", p, ids, sources=(source,))


def _groups(view: View) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Groups of units by what is known of all: each value of a few, or below and above the median."""
    for name, values in view.known_for_all():
        distinct = np.unique(values[np.isfinite(values)])
        if 2 <= len(distinct) <= 5:
            yield from ((f"{name} = {value:g}", values == value) for value in distinct)
        elif len(distinct) > 5:
            middle = float(np.median(values[np.isfinite(values)]))
            yield f"{name} up to {middle:g}", values <= middle
            yield f"{name} above {middle:g}", values > middle


def _moments(view: View) -> Iterator[Measure]:
    sample = view.evidence.sample
    if sample is None or not sample.sources:
        yield Measure("j-overall", "all sources", float("nan"), note="no sample with sources was given")
        return
    for source in sample.sources:
        p, note = _hansen(view, sample.with_sources([source]))
        yield Measure("j-source", source.name, p, note=note, sources=(source.name,))
    if len(sample.sources) > 1:
        p, note = _hansen(view, sample)
        names = tuple(source.name for source in sample.sources)
        yield Measure("j-overall", "all sources", p, note=note, sources=names)


def _hansen(view: View, sample: Sample) -> tuple[float, str]:
    """Hansen's J of the sample's sources, as a p-value."""
    from moored.inference.gmm.estimator import gmm

    try:
        fit = gmm(sample, view.study.estimate.family)
    except MooredError as error:
        return float("nan"), error.message
    if fit.j is None or fit.j_p_value is None:
        return float("nan"), "the sources leave no moment to test"
    return (
        fit.j_p_value,
        f"J = {fit.j:.3g} on {counted(fit.j_df or 0, 'degree of freedom', 'degrees of freedom')}",
    )


def _relations(view: View) -> Iterator[Measure]:
    """Do the sources vary, and vary together, alike among labelled and unlabelled units?

    Hansen's J compares means. Conditioning on human data where there are any leaves the means and changes
    how one source goes with another. For each pair of readings (of one variable, or of one source) the
    products of their deviations are compared by ranks.
    """
    labelling = view.labelling()
    readings = [(s, x, _deviations(v)) for s, x, v in view.readings()]
    for i, (source, variable, left) in enumerate(readings):
        for other, another, right in readings[i:]:
            if source != other and variable != another:
                continue
            p = labelling.differ(left * right)
            subject = f"{source}: {variable} with {other}: {another}"
            yield Measure("same-law", subject, p, note=_few(view, p), sources=tuple({source, other}))


def _readings(view: View) -> Iterator[Measure]:
    """Rule 7: are labelled and unlabelled units alike in what the sources say of them, all together?

    J compares residuals, of one source or with weights from few labels; one chi-squared test of all readings and
    covariates sees labelling by the outcome first. `moored estimate` asks the same.
    """
    from moored.inference.diagnostics import labelling_test

    sample = view.evidence.sample
    if sample is None or not sample.sources:
        yield Measure("readings-alike", "all sources", float("nan"), note="no sample with sources was given")
        return
    names = tuple(source.name for source in sample.sources)
    try:
        found = labelling_test(sample, view.study.estimate.family)
    except MooredError as error:
        yield Measure("readings-alike", "all sources", float("nan"), note=error.message, sources=names)
        return
    if found is None or min(sample.n_labelled, sample.n_total - sample.n_labelled) < LEAST_IN_A_TEST:
        note = f"nothing varies, or fewer than {LEAST_IN_A_TEST} units on one side"
        yield Measure("readings-alike", "all sources", float("nan"), note=note, sources=names)
        return
    note = f"chi-squared = {found.statistic:.3g} on {counted(found.df, 'degree of freedom', 'degrees of freedom')}"
    yield Measure("readings-alike", "all sources", found.p_value, note=note, sources=names)


def _deviations(values: Array) -> Array:
    known = np.isfinite(values)
    return values - (float(values[known].mean()) if known.any() else 0.0)


def _means(view: View, values: Array) -> str:
    means = [float(np.nanmean(values[side])) for side in (view.labelled, ~view.labelled)]
    return f"mean {means[0]:.3g} of the labelled and {means[1]:.3g} of the others"


def _few(view: View, p: float) -> str:
    if np.isfinite(p):
        return ""
    n = int(view.labelled.sum())
    if min(n, view.T - n) < LEAST_IN_A_TEST:
        return f"fewer than {LEAST_IN_A_TEST} units on one side"
    return "every unit has the same value, or too few have one"
