"""Generations: one terminal row each, of known units, from today's text, with a value that can be."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from checks.check import Check, Measure, all_true, at_most
from checks.statistics import stability_index
from checks.view import View

CHECKS: tuple[Check, ...] = (
    all_true(
        "rows-unique",
        "generations",
        "single",
        "generations that share unit, source, step and draw with another",
        "keep the latest terminal row of each: one unit would count twice",
        allowed="one terminal row each",
    ),
    all_true(
        "rows-known",
        "generations",
        "known",
        "generations of a unit, source or step that the study does not have",
        "run the study again on these data: the rows belong to other data or another study",
    ),
    all_true(
        "rows-current",
        "generations",
        "current",
        "generations made from a text that has since changed",
        "regenerate them from today's text",
    ),
    all_true(
        "rows-ended",
        "generations",
        "ended",
        "generations that have not ended",
        "finish them before estimating",
        allowed="the statuses ok, failed, refused, over-budget",
    ),
    all_true(
        "values-parsed",
        "generations",
        "parsed",
        "readings marked ok without a number",
        "parse them again, or mark them failed",
    ),
    all_true(
        "values-in-range",
        "generations",
        "in_range",
        "readings outside the values of the question's answers",
        "correct the parser or the answers' values",
        allowed="from the least to the greatest value of the answers",
    ),
    at_most(
        "missing-share",
        "max_missing_share",
        "the share of units without an answer",
        "`moored status` says why; each missing unit makes the source save less",
    ),
    at_most(
        "refused-share",
        "max_refused_share",
        "the share of units that the model refused",
        "change the prompt or the model",
    ),
    at_most(
        "value-drift",
        "max_stability_index",
        "the population stability index of the readings against the last version's",
        "look at what changed in the model, the prompt or the data",
    ),
)


def measures(view: View) -> Iterator[Measure]:
    """Missing, refused and drifting readings of each source."""
    refused_rows = np.asarray(view.evidence.generations["status"] == "refused", dtype=np.bool_)
    refused = view.cells(refused_rows)
    for source in view.study.sources:
        missing = view.missing(source.name)
        yield Measure("missing-share", source.name, float(missing.mean()), view.ids(missing))
        units = np.asarray((refused[:, view.steps_of(source.name)] > 0).any(axis=1), dtype=np.bool_)
        yield Measure("refused-share", source.name, float(units.mean()), view.ids(units))
    yield from _drift(view)


def _drift(view: View) -> Iterator[Measure]:
    previous = view.evidence.previous
    if previous is None:
        yield Measure("value-drift", "readings", float("nan"), note="no earlier version to compare with")
        return
    for (source, variable), rows in previous.values.groupby(["source", "variable"]):
        now = next((v for s, x, v in view.readings() if (s, x) == (source, variable)), None)
        before = rows["value"].to_numpy(dtype=np.float64)
        before = before[np.isfinite(before)]
        now = None if now is None else now[np.isfinite(now)]
        if now is None or min(len(now), len(before)) < 50:
            continue
        note = f"mean {before.mean():.3g} in version {previous.version}, {now.mean():.3g} now"
        yield Measure("value-drift", f"{source}: {variable}", stability_index(before, now), note=note)
