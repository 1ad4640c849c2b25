"""Human labels and covariates: enough, complete, in their domain, varying."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from checks.check import Check, Measure, at_least
from checks.view import View
from moored.plaintext import counted, twins

CHECKS = (
    Check(
        "labels-present",
        "critical",
        "measures",
        "ExpectColumnValuesToBeBetween",
        {"column": "labels-present", "min_value": 1},
        "the number of labelled units",
        "at least 1",
        "label some units: model outputs alone cannot be corrected",
    ),
    at_least(
        "labels-enough",
        "min_labelled",
        "the number of labelled units",
        "label more: with so few, intervals are wide and their coverage is only approximate",
    ),
    Check(
        "labels-complete",
        "critical",
        "labelled",
        "ExpectColumnValuesToBeBetween",
        {"column": "unknown_variables", "max_value": 0},
        "labelled units with a missing outcome or covariate",
        "none",
        "complete them, or leave the outcome empty so that they count as not labelled",
    ),
    Check(
        "covariates-complete",
        "critical",
        "units",
        "ExpectColumnValuesToBeBetween",
        {"column": "unknown_covariates", "max_value": 0},
        "units without a covariate that every unit should have",
        "none",
        "complete the column, or make the rule answer for every text",
    ),
    Check(
        "label-domain",
        "critical",
        "labelled",
        "ExpectColumnValuesToBeBetween",
        {"column": "outside_family", "max_value": 0},
        "labelled units whose outcome the estimate's family cannot take",
        "0 to 1 for logit, 0 and above for poisson, finite numbers for all",
        "correct those labels, or choose another estimate.family",
    ),
    Check(
        "label-scale",
        "warning",
        "labelled",
        "ExpectColumnValuesToBeBetween",
        {"column": "outside_answers", "max_value": 0},
        "labelled units whose outcome lies outside the values of the question's answers",
        "the range of outcome.answers",
        "give the answers the values of the human scale: the model's readings then carry more",
    ),
    at_least(
        "class-balance",
        "min_class_share",
        "the share of the rarer label",
        "label more units of the rare class with known probabilities, or expect wide intervals",
    ),
    Check(
        "covariates-vary",
        "warning",
        "measures",
        "ExpectColumnValuesToBeBetween",
        {"column": "covariates-vary", "min_value": 2},
        "the number of distinct values among labelled units",
        "at least 2",
        "drop the covariate: a constant identifies no coefficient",
    ),
    Check(
        "levels-alike",
        "warning",
        "measures",
        "ExpectColumnValuesToBeBetween",
        {"column": "levels-alike", "max_value": 0},
        "units whose category differs from a commoner one by case, spaces or encoding alone",
        "none",
        "spell them alike in the table: each spelling has a coefficient of its own",
    ),
)


def measures(view: View) -> Iterator[Measure]:
    """Counts of labels, classes and values."""
    n = int(view.labelled.sum())
    yield Measure("labels-present", "labels", n)
    yield Measure("labels-enough", "labels", n)
    outcome = view.human(view.study.outcome.name)[view.labelled]
    classes, counts = np.unique(outcome[np.isfinite(outcome)], return_counts=True)
    if len(classes) == 2:
        note = (
            f"{counted(int(counts[0]), 'label is', 'labels are')} {classes[0]:g} and {counts[1]} "
            f"{'is' if counts[1] == 1 else 'are'} {classes[1]:g}"
        )
        yield Measure("class-balance", view.study.outcome.name, counts.min() / counts.sum(), note=note)
    else:
        note = f"the outcome has {len(classes)} distinct values, not 2"
        yield Measure("class-balance", view.study.outcome.name, float("nan"), note=note)
    for covariate in view.study.covariates:
        values = view.human(covariate.name)[view.labelled]
        yield Measure("covariates-vary", covariate.name, len(np.unique(values[np.isfinite(values)])))
        yield _twins(view, covariate.name)


def _twins(view: View, name: str) -> Measure:
    """Levels of a category that mean the same: a table that is added to is not always typed alike."""
    words = view.evidence.units[name]
    if pd.api.types.is_numeric_dtype(words):
        return Measure("levels-alike", name, 0)
    found = twins(words.dropna().value_counts().index)
    units = np.flatnonzero(words.isin(found))
    told = ", ".join(f"{word!r} beside {other!r}" for word, other in list(found.items())[:4])
    return Measure("levels-alike", name, len(units), view.ids(units), told)
